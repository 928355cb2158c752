// Who may speak, as the official clients prove it: certificates by thumbprint and by a registered CA, tokens that are renewed.
import { test, describe, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import {
  newDevice, newId, openDevice, openClient, once, manage, registry, host, ownerString, everyTransport, DeviceClient, ModuleClient,
  ServiceClient, Message, SharedAccessSignature,
  AuthenticationType, Mqtt, Amqp, AmqpWs, Http,
} from './surroundings.mjs';

const withConnection = everyTransport.filter(([, transport]) => transport !== Http);
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

// The client's own way to bring tokens of one's own: they last `seconds`, each in its turn, and none is renewed before it is asked for.
class LateProvider extends EventEmitter {
  constructor(device, seconds) {
    super();
    this.type = AuthenticationType.Token;
    this.device = device;
    this.seconds = seconds;
    this.given = [];
  }

  getDeviceCredentials(callback) {
    const now = Math.floor(Date.now() / 1000);
    const last = this.given.at(-1);
    if (!last || last.ends <= now) {
      const ends = now + this.seconds[this.given.length];
      const resource = `${host}/devices/${this.device.deviceId}`;
      this.given.push({ ends, token: SharedAccessSignature.create(resource, null, this.device.key, ends).toString() });
      this.emit('given');
    }
    callback(null, { host, deviceId: this.device.deviceId, sharedAccessSignature: this.given.at(-1).token });
  }

  async asked(times) {
    while (this.given.length < times) await once(this, 'given', 60_000);
  }

  stop() {}
}

const service = ServiceClient.fromConnectionString(ownerString);

// Messages to the device, one at a time: each sent, received and completed.
function listen(client) {
  const arrived = new EventEmitter();
  client.on('message', (message) => client.complete(message, () => arrived.emit(message.getData().toString())));
  return {
    one: async (device, text) => {
      const there = once(arrived, text, 60_000);
      await service.send(device.deviceId, new Message(text));
      await there;
    },
  };
}

before(() => service.open());
after(() => service.close());

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

  for (const [name, transport] of withConnection) {
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

    // As after a sleep: nothing renewed the token while it held.
    test(`a client whose token ended comes back with a new one over ${name}`, async () => {
      const device = await newDevice('asleep');
      const provider = new LateProvider(device, [12, 600]);
      const client = DeviceClient.fromAuthenticationProvider(provider, transport);
      const heard = listen(client);
      await openClient(client, transport);
      await heard.one(device, 'with the first');
      await provider.asked(2);
      await heard.one(device, 'with the second');
      await client.close();
    });
  }
});

async function disable(device) {
  const { responseBody: entry } = await registry.get(device.deviceId);
  await registry.update({ ...entry, status: 'disabled' });
}

for (const [name, transport] of withConnection) {
  test(`a disabled device is disconnected and stays out over ${name}`, async () => {
    const device = await newDevice('disabled');
    const client = await openDevice(device, transport);
    client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    const gone = once(client, 'disconnect');
    await disable(device);
    await gone;
    await assert.rejects(openDevice(device, transport), { name: 'UnauthorizedError' });
  });

  test(`a second connection closes the first over ${name}`, async () => {
    const device = await newDevice('second');
    const first = await openDevice(device, transport);
    first.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    const gone = once(first, 'disconnect');
    // Over AMQP it is a link that serves a device, not the connection.
    await first.sendEvent(new Message('here first'));
    const second = await openDevice(device, transport);
    await second.sendEvent(new Message('here now'));
    await gone;
    await second.sendEvent(new Message('still here'));
    await second.close();
  });
}

// With its own retry policy, which over MQTT tries for minutes whatever the server answers.
for (const [name, transport] of [['AMQP', Amqp], ['AMQP in WebSockets', AmqpWs]]) {
  test(`a client that listens learns that its device was disabled over ${name}`, async () => {
    const device = await newDevice('disabled');
    const client = await openDevice(device, transport);
    const heard = listen(client);
    await heard.one(device, 'while it may');
    const gone = once(client, 'disconnect');
    await disable(device);
    const [result] = await gone;
    assert.equal(result.transportObj.name, 'UnauthorizedError');
  });
}

test('a disabled device is refused over HTTPS', async () => {
  const device = await newDevice('disabled');
  const client = await openDevice(device, Http);
  await client.sendEvent(new Message('while it may'));
  await disable(device);
  await assert.rejects(client.sendEvent(new Message('too late')), { name: 'UnauthorizedError' });
});

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
