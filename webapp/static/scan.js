// Reads a code with the camera, or from a photo, and puts it into the form; typing does the same without it.
const part = document.getElementById("scan");
const view = document.getElementById("view");
const told = document.getElementById("scanned");
const field = document.getElementById("code");
const options = {
  formats: ["QRCode", "DataMatrix", "Code128", "EAN13", "EAN8", "UPCA", "DataBar", "DataBarExpanded"],
  tryHarder: true,
  maxNumberOfSymbols: 1,
  textMode: "Plain",
};

ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => part.dataset.wasm } });
part.hidden = false;

// What stands for FNC1 and which kind of code it was stays with the text: the server takes both apart.
async function read(image) {
  const [found] = await ZXingWASM.readBarcodes(image, options);
  return found?.isValid ? found.symbologyIdentifier + found.text : null;
}

function take(code) {
  field.value = code;
  told.textContent = code.replaceAll("\u001d", "\u241d");
  field.form.requestSubmit();
}

document.getElementById("photo").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  told.textContent = "…";
  const code = await read(file).catch(() => null);
  if (code) take(code);
  else told.textContent = part.dataset.none;
  event.target.value = "";
});

const camera = document.getElementById("camera");
const start = camera.textContent;
let asking = false;

// The camera is asked for once at a time; a browser that was told no does not ask again by itself.
async function look() {
  if (asking) return;
  asking = true;
  told.textContent = "";
  try {
    const wanted = { facingMode: "environment", width: { ideal: 1280 } };
    view.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
  } catch (error) {
    told.textContent = error.name === "NotAllowedError" ? part.dataset.refused : part.dataset.denied;
    return;
  } finally {
    asking = false;
  }
  view.hidden = false;
  camera.textContent = part.dataset.stop;
  await view.play();
  view.scrollIntoView({ block: "nearest" });
  await watch();
}

async function watch() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let code = null; view.srcObject && !code; await new Promise((done) => setTimeout(done, 100))) {
    [canvas.width, canvas.height] = [view.videoWidth, view.videoHeight];
    if (!canvas.width) continue;
    context.drawImage(view, 0, 0);
    code = await read(context.getImageData(0, 0, canvas.width, canvas.height)).catch(() => null);
    if (code && view.srcObject) {
      stop();
      take(code);
    }
  }
}

function stop() {
  for (const track of view.srcObject.getTracks()) track.stop();
  view.srcObject = null;
  view.hidden = true;
  camera.textContent = start;
}

camera.addEventListener("click", () => (view.srcObject ? stop() : look()));
