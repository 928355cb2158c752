// Who may speak, as the official clients prove it: certificates by thumbprint and by a registered CA, tokens that are renewed.
import { test, describe, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  newDevice, newId, openDevice, openClient, once, manage, registry, host, DeviceClient, ModuleClient, Message, SharedAccessSignature,
  Mqtt, MqttWs, Amqp, AmqpWs, Http,
} from './surroundings.mjs';

const everyTransport = [['MQTT', Mqtt], ['MQTT in WebSockets', MqttWs], ['AMQP', Amqp], ['AMQP in WebSockets', AmqpWs], ['HTTPS', Http]];
const withConnection = everyTransport.filter(([, transport]) => transport !== Http);
// Over AMQP the client only tells a program that its links are gone when it next uses them.
const overMqtt = everyTransport.filter(([, transport]) => transport === Mqtt || transport === MqttWs);
// The official clients refuse certificates in WebSockets themselves.
const withCertificates = [['MQTT', Mqtt], ['AMQP', Amqp], ['HTTPS', Http]];

const folder = mkdtempSync(join(tmpdir(), 'pavise-azure-node-'));
after(() => rmSync(folder, { recursive: true }));

function openssl(...words) {
  execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function read(name) {
  return { cert: readFileSync(join(folder, `${name}.pem`), 'utf8'), key: readFileSync(join(folder, `${name}.key`), 'utf8') };
}

function selfSigned(name) {
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  return read(name);
}

function signedBy(issuer, name) {
  openssl('req', '-new', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial', '-days', '2', '-out',
    `${name}.pem`);
  return read(name);
}

function byCertificate(deviceId) {
  return { deviceId, connectionString: `HostName=${host};DeviceId=${deviceId};x509=true` };
}

async function speaks(device, transport, credentials) {
  const client = await openDevice(device, transport, credentials);
  await client.sendEvent(new Message('by certificate'));
  await client.close();
}

before(async () => {
  const { cert } = selfSigned('plant-ca');
  await manage('POST', '/certificates', { name: 'plant-ca', certificate: cert });
  const { verification_code: code } = await manage('POST', '/certificates/plant-ca/verification-code');
  await manage('POST', '/certificates/plant-ca/verify', { certificate: signedBy('plant-ca', code).cert });
});

for (const [name, transport] of withCertificates) {
  test(`a certificate by thumbprint over ${name}`, async () => {
    const deviceId = newId('thumbprint');
    const own = selfSigned(deviceId);
    const primaryThumbprint = new X509Certificate(own.cert).fingerprint.replaceAll(':', '');
    await registry.create({ deviceId, authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint } } });
    await speaks(byCertificate(deviceId), transport, own);
    await assert.rejects(speaks(byCertificate(deviceId), transport, selfSigned(newId('somebody'))), { name: 'UnauthorizedError' });
  });

  test(`a certificate of a registered CA over ${name}`, async () => {
    const deviceId = newId('by-ca');
    await registry.create({ deviceId, authentication: { type: 'certificateAuthority' } });
    await speaks(byCertificate(deviceId), transport, signedBy('plant-ca', deviceId));
    await assert.rejects(speaks(byCertificate(deviceId), transport, signedBy('plant-ca', newId('another'))), { name: 'UnauthorizedError' });
    await assert.rejects(speaks(byCertificate(deviceId), transport, selfSigned(deviceId)), { name: 'UnauthorizedError' });
  });
}

// They wait for tokens to end: all at once.
describe('tokens and time', { concurrency: true }, () => {
  for (const [name, transport] of withConnection) {
    test(`a token is renewed while connected over ${name}`, async () => {
      const device = await newDevice('renewal');
      const resource = `${host}/devices/${device.deviceId}`;
      const now = () => Math.floor(Date.now() / 1000);
      const token = (seconds) => SharedAccessSignature.create(resource, null, device.key, now() + seconds).toString();
      const client = await openClient(DeviceClient.fromSharedAccessSignature(token(12), transport), transport);
      await client.sendEvent(new Message('with the first'));
      await client.updateSharedAccessSignature(token(600));
      // Past the end of the first: a hub that kept to it would have cut the connection.
      await pause(13_000);
      await client.sendEvent(new Message('with the second'));
      await client.close();
    });
  }

  for (const [name, transport] of overMqtt) {
    test(`a connection ends with its token over ${name}`, async () => {
      const device = await newDevice('expiry');
      const token = SharedAccessSignature.create(`${host}/devices/${device.deviceId}`, null, device.key, Math.floor(Date.now() / 1000) + 12);
      const client = DeviceClient.fromSharedAccessSignature(token.toString(), transport);
      client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
      const gone = once(client, 'disconnect', 60_000);
      await openClient(client, transport);
      await gone;
      await assert.rejects(openClient(DeviceClient.fromSharedAccessSignature(token.toString(), transport), transport), { name: 'UnauthorizedError' });
    });
  }
});

for (const [name, transport] of overMqtt) {
  test(`a disabled device is disconnected and stays out over ${name}`, async () => {
    const device = await newDevice('disabled');
    const client = await openDevice(device, transport);
    client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    const gone = once(client, 'disconnect');
    const { responseBody: entry } = await registry.get(device.deviceId);
    await registry.update({ ...entry, status: 'disabled' });
    await gone;
    await assert.rejects(openDevice(device, transport), { name: 'UnauthorizedError' });
  });

  test(`a second connection closes the first over ${name}`, async () => {
    const device = await newDevice('second');
    const first = await openDevice(device, transport);
    first.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    const gone = once(first, 'disconnect');
    const second = await openDevice(device, transport);
    await second.sendEvent(new Message('here now'));
    await gone;
    await second.close();
  });
}

for (const [name, transport] of withConnection) {
  test(`a module speaks for itself over ${name}`, async () => {
    const device = await newDevice('module');
    await registry.addModule({ deviceId: device.deviceId, moduleId: 'sensor' });
    const { responseBody: module } = await registry.getModule(device.deviceId, 'sensor');
    const own = `HostName=${host};DeviceId=${device.deviceId};ModuleId=sensor;SharedAccessKey=${module.authentication.symmetricKey.primaryKey}`;
    const client = await openClient(ModuleClient.fromConnectionString(own, transport), transport);
    await client.sendEvent(new Message('from the module'));
    await client.sendOutputEvent('out1', new Message('through an output'));
    const twin = await client.getTwin();
    assert.ok(twin.properties.desired.$version >= 1);
    await client.close();
  });
}

for (const [name, transport] of everyTransport) {
  test(`a token of another device is not authorised over ${name}`, async () => {
    const [device, other] = [await newDevice('own'), await newDevice('other')];
    const stolen = { connectionString: `HostName=${host};DeviceId=${device.deviceId};SharedAccessKey=${other.key}` };
    await assert.rejects(async () => {
      const client = await openDevice(stolen, transport);
      await client.sendEvent(new Message('not mine'));
    }, { name: 'UnauthorizedError' });
  });
}
