// Times are written at the product's own offset from UTC; here they are shown in the reader's zone.
const tongue = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const long = new Intl.DateTimeFormat(tongue, { dateStyle: "medium", timeStyle: "short" });
const short = new Intl.DateTimeFormat(tongue, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
for (const element of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(element.dateTime);
  if (Number.isFinite(moment.getTime())) element.textContent = (element.className === "short" ? short : long).format(moment);
}
