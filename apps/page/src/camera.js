// A photo from the camera: live in a dialog, or by the phone's own camera program, which takes the better photos.

const hasOwnCamera = () => matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices?.getUserMedia;

async function openCamera() {
  if (hasOwnCamera()) return $("camera-input").click();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "environment" } });
  } catch (error) {
    return say(error.name === "NotAllowedError" ? "The browser does not let this page use the camera." : "There is no camera.", true);
  }
  $("viewfinder").srcObject = stream;
  $("viewfinder").play();
  $("camera-dialog").showModal();
}

function closeCamera() {
  for (const track of $("viewfinder").srcObject?.getTracks() ?? []) track.stop();
  $("viewfinder").srcObject = null;
}

async function shoot() {
  const video = $("viewfinder");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  $("camera-dialog").close();
  const photo = await new Promise((done) => canvas.toBlob(done, "image/png"));
  await take(new File([photo], "camera.png", { type: "image/png" }));
}

function listenToCamera() {
  $("camera").addEventListener("click", openCamera);
  $("camera-dialog").addEventListener("close", closeCamera);
  $("cancel").addEventListener("click", () => $("camera-dialog").close());
  $("viewfinder").addEventListener("loadeddata", () => { $("shoot").disabled = false; });
  $("viewfinder").addEventListener("emptied", () => { $("shoot").disabled = true; });
  $("shoot").addEventListener("click", shoot);
}
