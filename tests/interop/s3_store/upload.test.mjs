// File upload through azure-iot-device into a hub whose files lie in an S3-compatible store, read there by s3cmd.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { newDevice, openDevice, Mqtt } from '../azure_node/surroundings.mjs';

const [config, bucket] = [process.env.PAVISE_S3CMD_CONFIG, process.env.PAVISE_S3_BUCKET];

function s3cmd(...words) {
  return execFileSync('s3cmd', ['-c', config, ...words], { maxBuffer: 64 * 1024 * 1024 });
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

// The digests of all objects.
function stored() {
  const lines = s3cmd('ls', '--recursive', `s3://${bucket}`).toString().trim().split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split(/\s+/).at(-1)).map((url) => [digest(s3cmd('get', '--quiet', url, '-')), url]));
}

test('a device that speaks MQTT uploads files into an S3-compatible store, where another client reads the same bytes', async () => {
  const device = await newDevice('upload');
  const client = await openDevice(device, Mqtt);
  const small = randomBytes(10_000);
  await client.uploadToBlob('small.bin', Readable.from([small]), small.length);
  const large = randomBytes(9 * 1024 * 1024 + 17);
  await client.uploadToBlob('large.bin', Readable.from([large]), large.length);
  await client.close();
  const objects = stored();
  assert.ok(objects.has(digest(small)));
  // The client sends blocks of 4 MiB, or 8 MiB; each is an object.
  const blocks = (size) => Array.from({ length: Math.ceil(large.length / size) }, (_, i) => large.subarray(i * size, (i + 1) * size));
  assert.ok([4, 8].some((mib) => blocks(mib * 1024 * 1024).every((block) => objects.has(digest(block)))));
});
