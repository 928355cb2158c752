// Certificates per second and core: the signer alone, the signer behind its socket, and the whole
// of an attestation (evidence bytes in, certificate durable and admitted), against the floor of the
// raw P-256 operations in the same run. Processor time of all threads, signer included.
//   bench_issuing [--quick | --full] [words of the only rows to run, for a profiler]
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include "cloud/security/signer/client/signer_client.h"
#include "cloud/security/signer/keys/file_key_store.h"
#include "cloud/security/signer/service/signer_service.h"
#include "cloud/security/testing/world/world.h"

// The floor is OpenSSL's low-level interface, deprecated but without the cost of its successor.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace pavise::security {
namespace {

const TenantId kTenant = *TenantId::parse("acme");
constexpr std::size_t kThreads = 32;  // group commit needs company
constexpr std::size_t kDevices = 256;

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Cost {
  double cpu_us;
  double wall_us;
};
Cost cost_of(std::size_t count, const std::function<void()>& all) {
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const double wall = seconds_of(CLOCK_MONOTONIC);
  all();
  const double n = static_cast<double>(count);
  return {(seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / n,
          (seconds_of(CLOCK_MONOTONIC) - wall) * 1e6 / n};
}

struct RawKey {
  Digest256 digest = crypto::sha256(as_bytes("floor"));
  EC_KEY* key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  ECDSA_SIG* signature = nullptr;

  RawKey() {
    EC_KEY_generate_key(key);
    signature = ECDSA_do_sign(as_uchar(ByteView(digest)), 32, key);
  }
  ~RawKey() {
    ECDSA_SIG_free(signature);
    EC_KEY_free(key);
  }
  void verify() const {
    PAVISE_CHECK(ECDSA_do_verify(as_uchar(ByteView(digest)), 32, signature, key) == 1);
  }
  void sign() const { ECDSA_SIG_free(ECDSA_do_sign(as_uchar(ByteView(digest)), 32, key)); }
};

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

std::string_view only_rows;  // set once by main()

// Ours and the floor alternate, so that other load on the machine meets both.
void row(const char* name, int rounds, const std::function<Cost()>& ours,
         const std::function<Cost()>& floor) {
  if (!std::string_view(name).contains(only_rows)) return;
  std::vector<double> our_cpu;
  std::vector<double> our_wall;
  std::vector<double> floor_cpu;
  for (int i = 0; i < rounds; ++i) {
    floor_cpu.push_back(floor().cpu_us);
    const Cost cost = ours();
    our_cpu.push_back(cost.cpu_us);
    our_wall.push_back(cost.wall_us);
  }
  const double cpu = median(our_cpu);
  const double raw = median(floor_cpu);
  std::printf("%-34s ours %7.1f us cpu (%.0f/s/core, wall %.1f us)  floor %6.1f us  ratio %.2f\n",
              name, cpu, 1e6 / cpu, median(our_wall), raw, cpu / raw);
}

signer::LeafRequest leaf_request(const Clock& clock) {
  signer::LeafRequest leaf{.tenant = kTenant,
                           .device = *DeviceId::parse(std::string(64, 'a')),
                           .public_xy = {},
                           .not_before = clock.now_s(),
                           .not_after = clock.now_s() + 24L * 3600,
                           .serial = {}};
  const auto point = crypto::P256PrivateKey::generate()->public_key().point();
  std::copy(point.begin() + 1, point.end(), leaf.public_xy.begin());
  leaf.serial.fill(std::byte{0x41});
  return leaf;
}

// The signer's loop in a thread of this process, so that its time is counted.
class ServedSigner {
 public:
  explicit ServedSigner(const std::string& folder, const Clock& clock)
      : core_(signer::SignerCore::open(
                  signer::FileKeyStore::open(folder + "/bench-keys").value(), clock,
                  [](std::string_view) {},
                  {.leaves_per_second_max = 1'000'000, .leaves_burst_max = 100'000'000})
                  .value()),
        listener_(ipc::SeqpacketListener::listen_at(folder + "/bench-socket").value()),
        stop_(::eventfd(0, EFD_CLOEXEC)),
        thread_([this] {
          ::pthread_setname_np(::pthread_self(), "signer");  // tells it apart in a profile
          (void)serve(*core_, listener_, ::geteuid(), stop_.get());
        }),
        client_(signer::make_signer_client(
            {.socket_path = folder + "/bench-socket", .connections = 2})) {}
  ~ServedSigner() {
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof(one));
    thread_.join();
  }
  signer::Signer& core() { return *core_; }
  signer::Signer& client() { return *client_; }

 private:
  std::unique_ptr<signer::Signer> core_;
  ipc::SeqpacketListener listener_;
  UniqueFd stop_;
  std::thread thread_;
  std::unique_ptr<signer::Signer> client_;
};

// Devices whose EK is a number: enrolment is not what is measured.
struct Fleet {
  testing::World& world;
  std::vector<std::unique_ptr<testing::SoftDevice>> devices;

  explicit Fleet(testing::World& w) : world(w) {
    const AuditRecord audit{0, 1, "bench", "bench", "", ""};
    for (std::size_t i = 0; i < kDevices; ++i) {
      auto device = std::make_unique<testing::SoftDevice>(0);
      device->attester.tpm.ek.modulus[1] = static_cast<std::byte>(i);
      DeviceRecord record{.id = device->id()};
      record.ek_public = device->attester.tpm.ek.encode();
      const auto added = world.registry().add_device(record, audit).value();
      world.registry().bind_ak({record.id, added.version, device->ak_public(), 1}, audit).value();
      world.registry()
          .claim_device({record.id, added.version + 1, kTenant, record.id.text(), 1}, audit)
          .value();
      world.authority().device_changed(world.registry().device(record.id).value());
      devices.push_back(std::move(device));
    }
  }

  // Challenges and evidence are made outside the measured time; the answers inside.
  Cost attest_all(AttestationService& service) {
    std::vector<Bytes> messages;
    for (auto& device : devices) {
      const evidence::ChallengeRequest request{device->id(), device->ak_public()};
      const auto asked =
          evidence::Challenge::parse(service.challenge(request.encode(), world.exporter).value())
              .value();
      const auto answer = device->attest(asked, world.exporter);
      auto fields = answer.fields();
      fields.session = asked.session;
      messages.push_back(evidence::encode_evidence(fields));
    }
    return cost_of(messages.size(), [&] {
      std::vector<std::thread> threads;
      threads.reserve(kThreads);
      for (std::size_t t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
          for (std::size_t i = t; i < messages.size(); i += kThreads)
            PAVISE_CHECK(service.evidence(messages[i], world.exporter).accepted);
        });
      for (auto& thread : threads) thread.join();
    });
  }
};

void run(int rounds) {
  testing::World world;
  world.publish({});
  ServedSigner served(world.folder, world.clock);
  const auto ca = served.core().create_tenant_ca(kTenant).value();
  const AuditRecord audit{0, 1, "bench", "bench", "", ""};
  world.registry().add_tenant({kTenant, 1, ca.root, ca.issuing}, audit).value();
  const RawKey raw;
  const auto leaf = leaf_request(world.clock);
  constexpr std::size_t kBatch = 500;
  const auto repeat = [](const std::function<void()>& once) {
    return cost_of(kBatch, [&] {
      for (std::size_t i = 0; i < kBatch; ++i) once();
    });
  };
  const auto sign_floor = [&] { return repeat([&] { raw.sign(); }); };
  row(
      "leaf, signer alone", rounds,
      [&] { return repeat([&] { PAVISE_CHECK(served.core().sign_leaf(leaf)); }); }, sign_floor);
  row(
      "leaf, over the socket", rounds,
      [&] { return repeat([&] { PAVISE_CHECK(served.client().sign_leaf(leaf)); }); }, sign_floor);
  const std::vector<signer::LeafRequest> batch(kBatch, leaf);
  row(
      "leaf, over the socket in batches", rounds,
      [&] {
        return cost_of(kBatch, [&] { PAVISE_CHECK(served.client().sign_leaves(batch).back()); });
      },
      sign_floor);

  Fleet fleet(world);
  Issuer issuer(world.registry(), served.client(), world.authority(), world.clock);
  const auto make_service = [&] {
    return std::make_unique<AttestationService>(world.registry(), issuer, world.releases(),
                                                world.authority(), world.clock, world.options);
  };
  const auto raw_operations = [&](int verifications) {
    return repeat([&, verifications] {
      for (int i = 0; i < verifications; ++i) raw.verify();
      raw.sign();
    });
  };
  // A service that has seen no device before: all three signatures are computed.
  row(
      "evidence to durable certificate", rounds, [&] { return fleet.attest_all(*make_service()); },
      [&] { return raw_operations(3); });
  // A day later: of the three, the quote alone is new.
  const auto service = make_service();
  (void)fleet.attest_all(*service);
  row(
      "renewal to durable certificate", rounds, [&] { return fleet.attest_all(*service); },
      [&] { return raw_operations(1); });
}

}  // namespace
}  // namespace pavise::security

int main(int argc, char** argv) {
  if (argc > 2) pavise::security::only_rows = argv[2];
  pavise::security::run(argc > 1 && std::strcmp(argv[1], "--full") == 0 ? 31 : 5);
  return 0;
}
