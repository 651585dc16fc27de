// Sends objects of a bucket as one zip at /zip, the way Immich makes its archives: archiver without compression,
// one member after another, piped into the answer. Keys are the lines of $PEER_KEYS; says its port in one line.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";

import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import archiver from "archiver";

const environ = process.env;
const keys = readFileSync(environ.PEER_KEYS, "utf8").trim().split("\n");
const store = new S3Client({
  endpoint: environ.S3_ENDPOINT,
  region: "us-east-1",
  forcePathStyle: true,
  credentials: { accessKeyId: environ.S3_ACCESS_KEY_ID, secretAccessKey: environ.S3_SECRET_ACCESS_KEY },
  responseChecksumValidation: "WHEN_REQUIRED",
  requestHandler: { httpAgent: { keepAlive: true, maxSockets: 8 } },
});

async function sendZip(response) {
  response.setHeader("Content-Type", "application/octet-stream");
  const archive = archiver("zip", { store: true });
  archive.pipe(response);
  for (const key of keys) {
    const { Body } = await store.send(new GetObjectCommand({ Bucket: environ.S3_BUCKET, Key: key }));
    const isWritten = once(archive, "entry");
    archive.append(Body, { name: basename(key), mode: 0o644 });
    await isWritten;
  }
  await archive.finalize();
}

const server = createServer((request, response) => {
  if (request.url !== "/zip") {
    response.writeHead(404).end();
    return;
  }
  sendZip(response).catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
