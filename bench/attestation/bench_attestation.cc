// Full verification of evidence, per second and core, against the floor of its three raw P-256
// verifications in the same run: ours and the floor alternate, and the median of each is compared.
//   bench_attestation [--quick | --full]
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation/verifier.h"

// The floor is OpenSSL's low-level interface, deprecated but without the cost of its successor.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace pavise::attestation {
namespace {

constexpr std::size_t kLogBytes = 7000;  // what OVMF and our image log
constexpr int kBatch = 100;

// A real log has long events (keys, device paths) that a verifier must hash, too.
void fill_log(testing::SoftAttester& device) {
  while (device.event_log().size() < kLogBytes) {
    const Bytes data(600, std::byte{0x61});
    device.events.insert(device.events.begin(),
                         {1, eventlog::kEvEfiVariableBoot, crypto::sha256(data), data, "", ""});
  }
}

double batch_microseconds(const std::function<void()>& once) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kBatch; ++i) once();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  return took.count() / kBatch;
}
double median(std::vector<double>& values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

struct RawSignature {
  Digest256 digest = crypto::sha256(as_bytes("floor"));
  EC_KEY* key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  ECDSA_SIG* signature = nullptr;

  RawSignature() {
    EC_KEY_generate_key(key);
    signature = ECDSA_do_sign(as_uchar(ByteView(digest)), 32, key);
  }
  ~RawSignature() {
    ECDSA_SIG_free(signature);
    EC_KEY_free(key);
  }
  void verify() const {
    PAVISE_CHECK(ECDSA_do_verify(as_uchar(ByteView(digest)), 32, signature, key) == 1);
  }
};

// Another operation that belongs to an attestation and its floor in raw operations go into rows[].
struct Row {
  const char* name;
  std::function<void()> ours;
  std::function<void()> floor;
};

void run(const Row& row, int rounds) {
  std::vector<double> ours;
  std::vector<double> floor;
  for (int i = 0; i < rounds; ++i) {
    floor.push_back(batch_microseconds(row.floor));
    ours.push_back(batch_microseconds(row.ours));
  }
  const double ours_us = median(ours);
  const double floor_us = median(floor);
  std::printf("%-28s ours %8.1f us (%.0f/s)  floor %8.1f us (%.0f/s)  ratio %.2f\n", row.name,
              ours_us, 1e6 / ours_us, floor_us, 1e6 / floor_us, ours_us / floor_us);
}

}  // namespace
}  // namespace pavise::attestation

int main(int argc, char** argv) {
  using namespace pavise::attestation;
  const int rounds = argc > 1 && std::strcmp(argv[1], "--full") == 0 ? 101 : 15;

  testing::SoftAttester device;
  fill_log(device);
  const testing::Challenge challenge = testing::fresh_challenge();
  const std::vector releases{testing::reference_set(device.image)};
  const Expectation expectation = device.expectation(challenge);
  const testing::SoftEvidence evidence = device.attest(challenge);
  const auto fields = evidence.fields();
  const pavise::Bytes message = pavise::evidence::encode_evidence(evidence.fields());
  const RawSignature raw;
  const auto floor = [&raw] {
    for (int i = 0; i < 3; ++i) raw.verify();
  };
  std::printf("event log %zu bytes, evidence %zu bytes\n", evidence.event_log.size(),
              message.size());

  const Row rows[] = {
      {"verify evidence", [&] { PAVISE_CHECK(verify(fields, expectation, releases).accepted); },
       floor},
      {"decode and verify evidence",
       [&] {
         const auto parsed = pavise::evidence::Evidence::parse(pavise::ByteView(message));
         PAVISE_CHECK(parsed && verify(parsed->fields(), expectation, releases).accepted);
       },
       floor},
  };
  for (const Row& row : rows) run(row, rounds);
  return 0;
}
