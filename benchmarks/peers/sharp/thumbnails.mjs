// What Immich has sharp do with a picture, as often as asked: one decode to the preview's size, of which preview,
// thumbnail and thumbhash are made. Says the CPU milliseconds of each time, and the peak memory in bytes, as JSON.
import { readFileSync } from "node:fs";

import sharp from "sharp";
import { rgbaToThumbHash } from "thumbhash";

const [file, colorspace, turns, preview, thumbnail] = process.argv.slice(2);
sharp.concurrency(0);
sharp.cache({ files: 0 });

const pipeline = (input, raw) =>
  sharp(input, { failOn: "error", limitInputPixels: false, unlimited: true, raw })
    .pipelineColorspace(colorspace === "srgb" ? "srgb" : "rgb16")
    .withIccProfile(colorspace);
const outside = (side) => [side, side, { fit: "outside", withoutEnlargement: true }];

async function makeThumbnails() {
  const { data, info } = await pipeline(file).rotate().resize(...outside(1440)).raw()
    .toBuffer({ resolveWithObject: true });
  const hashed = pipeline(data, info).resize(100, 100, { fit: "inside", withoutEnlargement: true }).raw().ensureAlpha()
    .toBuffer({ resolveWithObject: true });
  await Promise.all([
    pipeline(data, info).resize(...outside(1440)).jpeg({ quality: 80, chromaSubsampling: "4:4:4" }).toFile(preview),
    pipeline(data, info).resize(...outside(250)).webp({ quality: 80 }).toFile(thumbnail),
    hashed.then(({ data, info }) => rgbaToThumbHash(info.width, info.height, data)),
  ]);
}

const spent = [];
for (let turn = 0; turn < Number(turns); turn++) {
  const before = process.cpuUsage();
  await makeThumbnails();
  const { user, system } = process.cpuUsage(before);
  spent.push((user + system) / 1000);
}
const [, peak] = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+) kB/);
console.log(JSON.stringify({ spent, peak: Number(peak) * 1024 }));
