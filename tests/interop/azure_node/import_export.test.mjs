// Import and export jobs through azure-iothub, with @azure/storage-blob on the hub's own containers.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { newId, ownerString, host, ca, registry, SharedAccessSignature } from './surroundings.mjs';

const require = createRequire(import.meta.url);
const { ContainerClient } = require('@azure/storage-blob');

function call(method, path, body) {
  const [, policy] = /SharedAccessKeyName=([^;]+)/.exec(ownerString);
  const [, key] = /SharedAccessKey=(.+)$/.exec(ownerString);
  const token = SharedAccessSignature.create(host, policy, key, Math.floor(Date.now() / 1000) + 600).toString();
  const headers = { Authorization: token, Host: host, 'Content-Length': Buffer.byteLength(body ?? '') };
  return new Promise((resolve, reject) => {
    https.request({ host, path, method, ca, headers }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(pieces).toString() }));
    }).on('error', reject).end(body);
  });
}

async function newContainer(t) {
  const { status, body } = await call('POST', '/containers', JSON.stringify({ ttlInSeconds: 600 }));
  assert.equal(status, 201, body);
  const { containerId, containerUri } = JSON.parse(body);
  t.after(() => call('DELETE', `/containers/${containerId}`));
  return { uri: containerUri, client: new ContainerClient(containerUri) };
}

async function ended(jobId) {
  for (;;) {
    const job = await registry.getJob(jobId);
    if (['completed', 'failed', 'cancelled'].includes(job.status)) return job;
    await pause(100);
  }
}

// One at a time: a hub has one import or export under way.
async function exported(container, excludeKeys) {
  const made = await registry.exportDevicesToBlob(container.uri, excludeKeys);
  assert.equal(made.type, 'export');
  assert.ok(['enqueued', 'running', 'completed'].includes(made.status), made.status);
  const job = await ended(made.jobId);
  assert.equal(job.status, 'completed', job.failureReason);
  assert.equal(job.progress, 100);
  const text = (await container.client.getBlobClient('devices.txt').downloadToBuffer()).toString();
  return new Map(text.trimEnd().split('\n').map((line) => JSON.parse(line)).map((each) => [each.id + (each.moduleId ?? ''), each]));
}

async function imported(container, lines) {
  const text = lines.map((each) => JSON.stringify(each)).join('\n');
  await container.client.getBlockBlobClient('devices.txt').upload(text, Buffer.byteLength(text));
  const made = await registry.importDevicesFromBlob(container.uri, container.uri);
  assert.equal(made.type, 'import');
  const job = await ended(made.jobId);
  assert.equal(job.status, 'completed', job.failureReason);
  const log = (await container.client.getBlobClient('importErrors.log').downloadToBuffer()).toString();
  return log.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
}

test('devices are exported with keys and twins, and imported again', async (t) => {
  const container = await newContainer(t);
  const deviceId = newId('export');
  const { responseBody: device } = await registry.create({ deviceId, status: 'disabled', statusReason: 'kept' });
  await registry.addModule({ deviceId, moduleId: 'm1' });
  await registry.updateTwin(deviceId, { tags: { floor: 7 }, properties: { desired: { x: 1 } } }, '*');
  const key = device.authentication.symmetricKey.primaryKey;

  const all = await exported(container, false);
  const line = all.get(deviceId);
  assert.equal(line.authentication.symmetricKey.primaryKey, key);
  assert.equal(line.status, 'disabled');
  assert.deepEqual(line.tags, { floor: 7 });
  assert.deepEqual(line.properties.desired, { x: 1 });
  assert.ok(all.has(`${deviceId}m1`), 'modules stand in it too');

  await registry.delete(deviceId);
  assert.deepEqual(await imported(container, [line, all.get(`${deviceId}m1`)]), []);
  const { responseBody: again } = await registry.get(deviceId);
  assert.equal(again.authentication.symmetricKey.primaryKey, key);
  assert.equal(again.status, 'disabled');
  assert.equal(again.statusReason, 'kept');
  const { responseBody: twin } = await registry.getTwin(deviceId);
  assert.equal(twin.tags.floor, 7);
  assert.equal(twin.properties.desired.x, 1);
  assert.equal((await registry.getModule(deviceId, 'm1')).responseBody.moduleId, 'm1');
});

test('an export without keys has none', async (t) => {
  const container = await newContainer(t);
  const deviceId = newId('export');
  await registry.create({ deviceId });
  const line = (await exported(container, true)).get(deviceId);
  assert.equal(line.authentication.type, 'sas');
  assert.equal(line.authentication.symmetricKey.primaryKey, null);
});

test('an export larger than one block is downloaded as a stream', async (t) => {
  const container = await newContainer(t);
  const prefix = newId('large');
  const pad = 'x'.repeat(4000);
  const desired = Object.fromEntries([...Array(7).keys()].map((i) => [`p${i}`, pad]));
  const lines = [...Array(200).keys()].map((i) => ({ id: `${prefix}-${i}`, properties: { desired } }));
  assert.deepEqual(await imported(container, lines), []);
  await exported(container, true);
  const { readableStreamBody, contentLength } = await container.client.getBlobClient('devices.txt').download();
  const pieces = [];
  for await (const piece of readableStreamBody) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  assert.equal(Buffer.byteLength(text), contentLength);
  assert.ok(contentLength > 4 * 1024 * 1024);
  const ids = new Set(text.trimEnd().split('\n').map((line) => JSON.parse(line).id));
  for (const { id } of lines) assert.ok(ids.has(id));
  assert.deepEqual(await imported(container, lines.map(({ id }) => ({ id, importMode: 'delete' }))), []);
  await assert.rejects(registry.get(lines[0].id));
});

test('lines that fail are named, and the others are applied', async (t) => {
  const container = await newContainer(t);
  const [there, fresh] = [newId('import'), newId('import')];
  await registry.create({ deviceId: there });
  const errors = await imported(container, [
    { id: there, importMode: 'create' },
    { id: fresh, importMode: 'create', status: 'enabled' },
    { id: newId('nobody'), importMode: 'Update' },
    { id: there, importMode: 'updateTwin', tags: { n: 1 } },
  ]);
  assert.deepEqual(errors.map(({ line, errorStatus }) => [line, errorStatus]), [[1, 'DeviceAlreadyExists'], [3, 'DeviceNotFound']]);
  assert.equal((await registry.get(fresh)).responseBody.deviceId, fresh);
  assert.equal((await registry.getTwin(there)).responseBody.tags.n, 1);
});

test('jobs are listed, cancelled and not found', async (t) => {
  const container = await newContainer(t);
  const made = await registry.exportDevicesToBlob(container.uri, true);
  const cancelled = await registry.cancelJob(made.jobId).then(() => true, () => false);
  const job = await ended(made.jobId);
  assert.equal(job.status, cancelled ? 'cancelled' : 'completed', 'what has ended cannot be cancelled');
  const listed = await registry.listJobs();
  const jobs = listed.responseBody ?? listed;
  assert.equal(jobs.find(({ jobId }) => jobId === made.jobId).type, 'export');
  await assert.rejects(registry.getJob('nobody'), /./);
});

test('a container of somebody else is refused, and nobody is called', async (t) => {
  const container = await newContainer(t);
  for (const uri of ['https://account.blob.core.windows.net/c?sig=x', 'http://169.254.169.254/latest', `${container.uri}x`]) {
    await assert.rejects(registry.exportDevicesToBlob(uri, true), /./);
    await assert.rejects(registry.importDevicesFromBlob(container.uri, uri), /./);
  }
});

test('a container is open to nobody without its signature', async (t) => {
  const container = await newContainer(t);
  const bare = new ContainerClient(container.uri.replace(/sig=[^&]*/, 'sig=AAAA'), undefined, { retryOptions: { maxTries: 1 } });
  await assert.rejects(bare.getBlobClient('devices.txt').downloadToBuffer(), { statusCode: 403 });
  await container.client.getBlockBlobClient('a.txt').upload('hello', 5);
  const blob = container.client.getBlobClient('a.txt');
  assert.equal((await blob.downloadToBuffer(1, 3)).toString(), 'ell');
  await blob.delete();
  await assert.rejects(blob.downloadToBuffer(), { statusCode: 404 });
});
