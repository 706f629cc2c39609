/** Pictures that a session can start from, and files dropped on the page. */

const QUALITY = 0.92;
/** A picture is sent larger than its world's by so much, as long as it is not wider than this. */
const LARGER = 4;
const WIDEST = 1280;

/**
 * The middle of a picture file in the shape of a world of this size, as the data URL of a JPEG:
 * cut and turned upright here, it is quick to send. Rejects where the browser can not read it.
 */
export async function readPicture(file: Blob, wide: number, high: number): Promise<string> {
  const larger = Math.max(1, Math.min(LARGER, Math.floor(WIDEST / wide)));
  const [width, height] = [wide * larger, high * larger];
  const bitmap = await createImageBitmap(file);
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", QUALITY);
}

/** Files dropped anywhere on the page; `over` is called when one begins or ceases to hover. */
export function listenToDrops(over: (over: boolean) => void, dropped: (file: File) => void): void {
  const carries = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? over(false));
  document.addEventListener("drop", (event) => {
    over(false);
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    dropped(file);
  });
}
