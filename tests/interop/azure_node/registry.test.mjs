// The registry and twins through azure-iothub over HTTPS.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { newDevice, newId, registry, ownerString, Registry, host } from './surroundings.mjs';

test('a device is created, read, listed, updated and deleted', async () => {
  const device = await newDevice('crud');
  const { responseBody: read } = await registry.get(device.deviceId);
  assert.equal(read.deviceId, device.deviceId);
  assert.equal(read.status, 'enabled');
  assert.equal(read.authentication.type, 'sas');
  const { responseBody: all } = await registry.list();
  assert.ok(all.some((one) => one.deviceId === device.deviceId));
  const { responseBody: updated } = await registry.update({ ...read, status: 'disabled', statusReason: 'lost' });
  assert.equal(updated.status, 'disabled');
  assert.equal(updated.authentication.symmetricKey.primaryKey, device.key);
  await registry.delete(device.deviceId);
  await assert.rejects(registry.get(device.deviceId), { name: 'DeviceNotFoundError' });
});

test('creating twice is a conflict', async () => {
  const device = await newDevice('twice');
  await assert.rejects(registry.create({ deviceId: device.deviceId }), { name: 'DeviceAlreadyExistsError' });
});

test('an outdated ETag is refused', async () => {
  // Registry.update() always sends "*"; bulk updates carry the entry's own ETag.
  const device = await newDevice('etag');
  const { responseBody: first } = await registry.get(device.deviceId);
  await registry.update({ ...first, statusReason: 'one' });
  await assert.rejects(registry.updateDevices([{ ...first, statusReason: 'two' }], false));
  const { responseBody: kept } = await registry.get(device.deviceId);
  assert.equal(kept.statusReason, 'one');
});

test('devices in bulk', async () => {
  const ids = [newId('bulk'), newId('bulk')];
  const { responseBody: added } = await registry.addDevices(ids.map((deviceId) => ({ deviceId })));
  assert.equal(added.isSuccessful, true);
  const { responseBody: removed } = await registry.removeDevices(ids.map((deviceId) => ({ deviceId })), true);
  assert.equal(removed.isSuccessful, true);
});

test('modules', async () => {
  const device = await newDevice('modules');
  await registry.addModule({ deviceId: device.deviceId, moduleId: 'sensor', managedBy: 'us' });
  const { responseBody: module } = await registry.getModule(device.deviceId, 'sensor');
  assert.equal(module.moduleId, 'sensor');
  const { responseBody: modules } = await registry.getModulesOnDevice(device.deviceId);
  assert.equal(modules.length, 1);
  await registry.removeModule(device.deviceId, 'sensor');
  await assert.rejects(registry.getModule(device.deviceId, 'sensor'));
});

test('twin tags and desired properties', async () => {
  const device = await newDevice('twin');
  const { responseBody: twin } = await registry.getTwin(device.deviceId);
  const before = twin.properties.desired.$version;
  await twin.update({ tags: { site: 'a' }, properties: { desired: { interval: 5 } } });
  const { responseBody: changed } = await registry.getTwin(device.deviceId);
  assert.equal(changed.tags.site, 'a');
  assert.equal(changed.properties.desired.interval, 5);
  assert.ok(changed.properties.desired.$version > before);
  await assert.rejects(registry.updateTwin(device.deviceId, { tags: { site: 'b' } }, 'AAAAAAAAAAA='));
});

test('statistics', async () => {
  const { responseBody: statistics } = await registry.getRegistryStatistics();
  assert.ok(statistics.totalDeviceCount >= statistics.enabledDeviceCount);
});

test('a policy without the right is refused', async () => {
  const wrong = Registry.fromConnectionString(ownerString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`));
  await assert.rejects(wrong.list(), { name: 'UnauthorizedError' });
  assert.ok(ownerString.includes(host));
});
