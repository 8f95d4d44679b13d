// Zooms a picture that is wider than the page. Its frame scrolls, also without this script: here it is drawn
// larger or smaller in that frame, so that arrow keys, wheel and fingers go on to move it as they always do.
const STEP = 1.4, LARGEST = 6, PART = 0.5;

function zoomable(whole) {
  const frame = whole.querySelector(".scroll"), svg = frame.querySelector("svg"), box = svg.viewBox.baseVal;
  let scale = svg.getBoundingClientRect().width / box.width;
  whole.classList.add("zooms");
  whole.querySelector(".tools").hidden = false;

  const fitting = () =>
    Math.min(frame.clientWidth / box.width, parseFloat(getComputedStyle(frame).maxHeight) / box.height, 1);

  // What lies at a point of the frame stays there.
  function show(wanted, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
    const next = Math.min(Math.max(wanted, fitting()), LARGEST), share = next / scale;
    const left = (frame.scrollLeft + x) * share - x, top = (frame.scrollTop + y) * share - y;
    scale = next;
    svg.style.minWidth = "0";
    svg.style.width = `${box.width * scale}px`;
    svg.style.height = `${box.height * scale}px`;
    frame.scrollTo(left, top);
  }
  const move = (right, down) =>
    frame.scrollBy(right * PART * frame.clientWidth, down * PART * frame.clientHeight);
  const does = {
    in: () => show(scale * STEP),
    out: () => show(scale / STEP),
    whole: () => show(fitting()),
    left: () => move(-1, 0),
    right: () => move(1, 0),
    up: () => move(0, -1),
    down: () => move(0, 1),
  };
  const keys = { "+": does.in, "=": does.in, "-": does.out, "0": does.whole };

  whole.querySelector(".tools").addEventListener("click", ({ target }) => {
    does[target.closest("button")?.dataset.do]?.();
  });
  frame.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const { left, top } = frame.getBoundingClientRect();
    show(scale * Math.exp(-event.deltaY / 300), event.clientX - left, event.clientY - top);
  }, { passive: false });
  touching(frame, (share, x, y) => show(scale * share, x, y));
}

// Two fingers zoom, one scrolls by itself; a mouse takes hold of the ground and moves it.
function touching(frame, zoom) {
  const down = new Map();
  const apart = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  frame.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && (event.button !== 0 || event.target.closest("a"))) return;
    down.set(event.pointerId, event);
    if (event.pointerType === "mouse") frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const distance = down.size === 2 && apart([...down.values()]);
    down.set(event.pointerId, event);
    if (down.size === 2) {
      const [one, other] = down.values(), { left, top } = frame.getBoundingClientRect();
      const x = (one.clientX + other.clientX) / 2 - left, y = (one.clientY + other.clientY) / 2 - top;
      if (distance) zoom(apart([one, other]) / distance, x, y);
    } else if (event.pointerType === "mouse") {
      frame.scrollBy(before.clientX - event.clientX, before.clientY - event.clientY);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    frame.addEventListener(name, (event) => down.delete(event.pointerId));
  }
}

for (const whole of document.querySelectorAll("[data-picture]")) zoomable(whole);
