// The blob comes from the data partition, which anybody can write: it is refused or opened, never
// more, and the counter stays.
#include <cstdint>
#include <vector>

#include "device/monitor/data_key.h"
#include "device/root_of_trust/fake/fake.h"

namespace {

using namespace pavise;
using root_of_trust::FakeMaker;
using root_of_trust::FakeRootOfTrust;

struct Device {
  std::unique_ptr<FakeRootOfTrust> root =
      FakeRootOfTrust::create(FakeMaker::create().value()).value();
  crypto::P256PrivateKey key = crypto::P256PrivateKey::generate().value();
  pcr_policy::SignedPcrPolicy policy =
      pcr_policy::SignedPcrPolicy::sign(key,
                                        std::vector<root_of_trust::PcrValues>{{{11, Digest256{}}}})
          .value();
  Device() { PAVISE_CHECK(root->provision().has_value()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Device device;
  if (size == 0) return 0;
  const auto outcome = monitor::obtain_data_key(*device.root, device.policy,
                                                std::as_bytes(std::span(data, size)), 1);
  // Nobody can guess the tag of a blob.
  PAVISE_CHECK(!outcome.has_value());
  PAVISE_CHECK(device.root->read_counter()->steps() == 0);
  return 0;
}
