// File upload through azure-iot-device and @azure/storage-blob, which speaks to the hub as if it were the Blob service, and
// the notifications that azure-iothub receives.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import https from 'node:https';
import {
  newDevice, openDevice, everyTransport, ownerString, host, ca, registry, Mqtt, Http, ServiceClient, SharedAccessSignature,
} from './surroundings.mjs';

const require = createRequire(import.meta.url);
const { AnonymousCredential, BlockBlobClient, newPipeline } = require('@azure/storage-blob');

const service = ServiceClient.fromConnectionString(ownerString);
const notified = new Map(); // blobName -> what was said of it
const waiting = new Map(); // blobName -> who waits for that

before(async () => {
  await service.open();
  const receiver = await new Promise((resolve, reject) =>
    service.getFileNotificationReceiver((error, value) => (error ? reject(error) : resolve(value))));
  receiver.on('message', (message) => {
    const told = JSON.parse(message.data.toString());
    notified.set(told.blobName, told);
    receiver.complete(message, () => waiting.get(told.blobName)?.(told));
  });
});
after(() => service.close());

function notification(blobName) {
  return new Promise((resolve, reject) => {
    if (notified.has(blobName)) return resolve(notified.get(blobName));
    waiting.set(blobName, resolve);
    setTimeout(() => reject(new Error(`no notification of ${blobName}`)), 20_000).unref();
  });
}

function call(method, path) {
  const [, policy] = /SharedAccessKeyName=([^;]+)/.exec(ownerString);
  const [, key] = /SharedAccessKey=(.+)$/.exec(ownerString);
  const token = SharedAccessSignature.create(host, policy, key, Math.floor(Date.now() / 1000) + 600).toString();
  return new Promise((resolve, reject) => {
    https.request({ host, path, method, ca, headers: { Authorization: token, Host: host } }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }));
    }).on('error', reject).end();
  });
}

// The whole file as a service reads it from the hub.
async function stored(deviceId, name) {
  const pieces = [];
  let size = 0;
  for (;;) {
    const path = `/files/${encodeURIComponent(deviceId)}/${encodeURIComponent(name)}?offset=${size}`;
    const { status, headers, body } = await call('GET', path);
    if (status !== 200) return undefined;
    pieces.push(body);
    size += body.length;
    if (size === Number(headers['pavise-file-size'])) return Buffer.concat(pieces);
  }
}

for (const [name, transport] of everyTransport) {
  test(`a device that speaks ${name} uploads a file, and the service is notified`, async () => {
    const device = await newDevice('upload');
    const client = await openDevice(device, transport);
    const bytes = randomBytes(10_000);
    await client.uploadToBlob('logs/boot 1.bin', Readable.from([bytes]), bytes.length);
    assert.deepEqual(await stored(device.deviceId, 'logs/boot 1.bin'), bytes);
    const told = await notification(`${device.deviceId}/logs/boot 1.bin`);
    assert.equal(told.deviceId, device.deviceId);
    assert.equal(told.blobSizeInBytes, bytes.length);
    assert.ok(told.blobUri.startsWith(`https://${host}/`));
    assert.ok(Math.abs(Date.parse(told.lastUpdatedTime) - Date.now()) < 60_000);
    await client.close();
  });
}

test('a file of many blocks arrives as it was sent', async () => {
  const device = await newDevice('blocks');
  const client = await openDevice(device, Mqtt);
  const bytes = randomBytes(90 * 1024 * 1024 + 17);
  await client.uploadToBlob('large.bin', Readable.from(bytes), bytes.length);
  const read = await stored(device.deviceId, 'large.bin');
  assert.equal(read.length, bytes.length);
  assert.ok(read.equals(bytes));
  await client.close();
});

function blobClient(upload) {
  const url = `https://${upload.hostName}/${upload.containerName}/${upload.blobName}${upload.sasToken}`;
  return new BlockBlobClient(url, newPipeline(new AnonymousCredential(), { retryOptions: { maxTries: 1 } }));
}

test('the application uploads by itself with the URL that the device was given', async () => {
  const device = await newDevice('own');
  const client = await openDevice(device, Mqtt);
  const upload = await client.getBlobSharedAccessSignature('report.txt');
  const blob = blobClient(upload);
  const answer = await blob.upload('first', 5, { blobHTTPHeaders: { blobContentType: 'text/plain' } });
  assert.equal(answer._response.status, 201);
  assert.ok(answer.etag);
  await blob.uploadData(Buffer.from('second'), { blockSize: 4, maxSingleShotSize: 1 });
  await client.notifyBlobUploadStatus(upload.correlationId, true, 200, 'done');
  assert.equal((await stored(device.deviceId, 'report.txt')).toString(), 'second');
  await notification(`${device.deviceId}/report.txt`);
  await assert.rejects(blob.upload('third', 5), { statusCode: 403 });
  await assert.rejects(client.notifyBlobUploadStatus(upload.correlationId, true, 200, 'again'));
  await client.close();
});

test('a file of 20 MiB in a single request arrives as it was sent', async () => {
  const device = await newDevice('single');
  const client = await openDevice(device, Mqtt);
  const upload = await client.getBlobSharedAccessSignature('single.bin');
  const bytes = randomBytes(20 * 1024 * 1024 + 3);
  await blobClient(upload).upload(bytes, bytes.length);
  await client.notifyBlobUploadStatus(upload.correlationId, true, 201, 'done');
  assert.ok((await stored(device.deviceId, 'single.bin')).equals(bytes));
  await client.close();
});

test('a URL opens no other file, and none after its time', async () => {
  const device = await newDevice('other');
  const client = await openDevice(device, Mqtt);
  const upload = await client.getBlobSharedAccessSignature('mine.txt');
  for (const blobName of ['someone-else/mine.txt', `${device.deviceId}/yours.txt`]) {
    await assert.rejects(blobClient({ ...upload, blobName }).upload('x', 1), { statusCode: 403 });
  }
  const late = upload.sasToken.replace(/se=[^&]+/, 'se=2099-01-01T00%3A00%3A00Z');
  await assert.rejects(blobClient({ ...upload, sasToken: late }).upload('x', 1), { statusCode: 403 });
  await client.close();
});

test('an upload that failed leaves no file and is not notified', async () => {
  const device = await newDevice('failed');
  const client = await openDevice(device, Mqtt);
  const upload = await client.getBlobSharedAccessSignature('half.bin');
  await blobClient(upload).stageBlock(Buffer.from('block-1').toString('base64'), 'half', 4);
  await client.notifyBlobUploadStatus(upload.correlationId, false, 500, 'gave up');
  assert.equal(await stored(device.deviceId, 'half.bin'), undefined);
  assert.ok(!notified.has(`${device.deviceId}/half.bin`));
  await client.close();
});

test('ten uploads are under way at most', async () => {
  const device = await newDevice('ten');
  const client = await openDevice(device, Mqtt);
  for (let i = 0; i < 10; i += 1) await client.getBlobSharedAccessSignature(`file-${i}`);
  await assert.rejects(client.getBlobSharedAccessSignature('file-10'), (error) => {
    assert.equal(error.response.statusCode, 403);
    assert.match(error.responseBody, /DeviceMaximumActiveFileUploadLimitExceeded/);
    return true;
  });
  await client.close();
});

test('a disabled device uploads no more', async () => {
  const device = await newDevice('disabled');
  const client = await openDevice(device, Http);
  const upload = await client.getBlobSharedAccessSignature('file');
  await registry.update({ deviceId: device.deviceId, status: 'disabled' });
  await assert.rejects(blobClient(upload).upload('x', 1), { statusCode: 403 });
  await registry.update({ deviceId: device.deviceId, status: 'enabled' });
  await blobClient(upload).upload('x', 1);
  await client.close();
});
