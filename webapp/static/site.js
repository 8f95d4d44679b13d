// Times are written at the product's own offset from UTC; here they are shown in the reader's zone.
// Days stay as they are: the day of a harvest is the day it was there.
const tongue = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const clock = { hour: "2-digit", minute: "2-digit", hour12: false };
const formats = {
  minute: new Intl.DateTimeFormat(tongue, { ...clock, year: "numeric", month: "short", day: "numeric" }),
  short: new Intl.DateTimeFormat(tongue, { ...clock, month: "short", day: "numeric" }),
};
for (const share of document.querySelectorAll("[data-share]")) {
  const button = share.querySelector("button"), told = share.querySelector("[role=status]");
  const address = share.querySelector(".whole").textContent;
  button.hidden = !navigator.share && !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      if (navigator.share) return await navigator.share({ title: document.title, url: address });
      await navigator.clipboard.writeText(address);
      told.textContent = told.dataset.copied;
    } catch { /* whoever closes the sheet has changed their mind */ }
  });
}
function showTimes() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime), format = formats[element.className];
    if (!format || !Number.isFinite(moment.getTime())) continue;
    element.textContent = format.format(moment);
    const zone = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).formatToParts(moment);
    const offset = zone.find((part) => part.type === "timeZoneName")?.value.replace("GMT", "UTC");
    for (const name of document.querySelectorAll(".zone")) name.textContent = offset === "UTC" ? "UTC+00:00" : offset;
  }
}
showTimes();
document.addEventListener("parts", showTimes);
