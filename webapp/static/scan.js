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

document.getElementById("camera").addEventListener("click", async () => {
  try {
    const wanted = { facingMode: "environment", width: { ideal: 1280 } };
    view.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
  } catch {
    told.textContent = part.dataset.denied;
    return;
  }
  view.hidden = false;
  await view.play();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let code = null; !code; await new Promise((done) => setTimeout(done, 100))) {
    [canvas.width, canvas.height] = [view.videoWidth, view.videoHeight];
    if (!canvas.width) continue;
    context.drawImage(view, 0, 0);
    code = await read(context.getImageData(0, 0, canvas.width, canvas.height)).catch(() => null);
    if (code) {
      for (const track of view.srcObject.getTracks()) track.stop();
      take(code);
    }
  }
});
