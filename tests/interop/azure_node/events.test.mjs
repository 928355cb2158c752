// What the hub tells of its devices among their telemetry, as @azure/event-hubs reads it, and when they were last active.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import {
  newDevice, newId, openDevice, until, eventsString, registry, Message, Mqtt, Amqp, EventHubConsumerClient,
} from './surroundings.mjs';

const consumer = new EventHubConsumerClient('$Default', eventsString);
const seen = [];
let subscription;

before(async () => {
  const started = new Date();
  subscription = consumer.subscribe({
    processEvents: async (events) => { seen.push(...events); },
    processError: async (error) => { throw error; },
  }, { startPosition: { enqueuedOn: started } });
});
after(async () => {
  await subscription.close();
  await consumer.close();
});

// The event of this source about this device for which `matches` holds.
function event(source, deviceId, matches, timeoutMs) {
  return until(() => seen.find((one) => one.systemProperties?.['iothub-message-source'] === source &&
    one.properties?.deviceId === deviceId && matches(one.properties, one.body)), `${source} of ${deviceId}`, timeoutMs);
}

function hasEnvelope(one, deviceId, schema) {
  assert.equal(one.properties['iothub-message-schema'], schema);
  assert.equal(one.properties.hubName, 'plant-1');
  assert.ok(Math.abs(Date.parse(one.properties.operationTimestamp) - Date.now()) < 600_000);
  assert.equal(one.contentType, 'application/json');
  assert.equal(one.systemProperties['iothub-connection-device-id'], deviceId);
}

test('a change of the twin arrives as twinChangeEvents, from the device and from the service', async () => {
  const device = await newDevice('twin-event');
  const client = await openDevice(device, Mqtt);
  const twin = await client.getTwin();
  await new Promise((resolve, reject) => twin.properties.reported.update({ level: 7, old: null },
    (error) => (error ? reject(error) : resolve())));
  const reported = await event('twinChangeEvents', device.deviceId, (_, body) => body.properties?.reported);
  hasEnvelope(reported, device.deviceId, 'twinChangeNotification');
  assert.equal(reported.properties.opType, 'updateTwin');
  assert.equal(reported.body.properties.reported.level, 7);
  assert.equal(reported.body.properties.reported.$version, 2);
  assert.ok(reported.body.properties.reported.$metadata.level.$lastUpdated);

  await registry.updateTwin(device.deviceId, { tags: { site: 'north' }, properties: { desired: { period: 30 } } }, '*');
  const desired = await event('twinChangeEvents', device.deviceId, (_, body) => body.properties?.desired);
  assert.equal(desired.body.properties.desired.period, 30);
  assert.equal(desired.body.tags.site, 'north');
  assert.ok(desired.sequenceNumber > reported.sequenceNumber);
  await client.close();
});

test('the life of a device and its module arrives as deviceLifecycleEvents', async () => {
  const device = await newDevice('life');
  const moduleId = newId('m');
  await registry.addModule({ deviceId: device.deviceId, moduleId });
  await registry.delete(device.deviceId);
  const of = (opType) => event('deviceLifecycleEvents', device.deviceId, (properties) => properties.opType === opType);
  const created = await of('createDeviceIdentity');
  hasEnvelope(created, device.deviceId, 'deviceLifecycleNotification');
  assert.equal(created.body.deviceId, device.deviceId);
  assert.ok(created.body.properties.desired.$version >= 1);
  const module = await of('createModuleIdentity');
  hasEnvelope(module, device.deviceId, 'moduleLifecycleNotification');
  assert.equal(module.properties.moduleId, moduleId);
  await of('deleteModuleIdentity');
  const deleted = await of('deleteDeviceIdentity');
  assert.ok(deleted.sequenceNumber > module.sequenceNumber);
});

// The second report waits for the first one's minute, as in IoT Hub.
test('a connection and its end arrive as deviceConnectionStateEvents', async () => {
  const device = await newDevice('connection-event');
  const client = await openDevice(device, Amqp);
  await client.sendEvent(new Message('here'));
  const of = (opType, timeoutMs) =>
    event('deviceConnectionStateEvents', device.deviceId, (properties) => properties.opType === opType, timeoutMs);
  const connected = await of('deviceConnected');
  hasEnvelope(connected, device.deviceId, 'deviceConnectionStateNotification');
  await client.close();
  const disconnected = await of('deviceDisconnected', 120_000);
  assert.equal(connected.body.sequenceNumber.length, 64);
  assert.ok(disconnected.body.sequenceNumber > connected.body.sequenceNumber);
  const shown = (await registry.get(device.deviceId)).responseBody;
  assert.equal(shown.connectionState, 'Disconnected');
  assert.equal(shown.connectionStateUpdatedTime.slice(0, 19), disconnected.properties.operationTimestamp.slice(0, 19));
});

test('lastActivityTime moves while a device sends', async () => {
  const device = await newDevice('activity');
  const shown = async () => (await registry.get(device.deviceId)).responseBody;
  assert.equal((await shown()).lastActivityTime, '0001-01-01T00:00:00Z');
  const client = await openDevice(device, Mqtt);
  const first = await until(async () => {
    const now = await shown();
    return now.lastActivityTime > '2000' && now;
  }, 'the first activity');
  assert.equal(first.connectionState, 'Connected');
  assert.ok(Math.abs(Date.parse(first.connectionStateUpdatedTime) - Date.now()) < 600_000);
  await until(async () => {
    await client.sendEvent(new Message('still here'));
    return (await shown()).lastActivityTime > first.lastActivityTime;
  }, 'a later activity', 60_000);
  await client.close();
});
