#include "device/factory/factory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"
#include "device/attestor/attestor.h"
#include "protocol/evidence/exchange.h"

namespace pavise::factory {
namespace {

Error refused_error(const evidence::Refused& refused) {
  return {kNotBound, refused.code + ": " + refused.reason};
}

// A refusal may come in place of any answer.
Error unexpected(ByteView body, std::string_view what) {
  const auto response = evidence::parse_response(body);
  const auto* refused = response ? std::get_if<evidence::Refused>(&*response) : nullptr;
  if (refused != nullptr) return refused_error(*refused);
  return {kBadAnswer, std::string(what)};
}

// True when this call bound the key.
Result<bool> bind(root_of_trust::RootOfTrust& root, FactoryServices& services,
                  const root_of_trust::Identity& identity) {
  PAVISE_TRY_ASSIGN(const root_of_trust::DeviceKeys keys, root.keys());
  PAVISE_TRY_ASSIGN(const Bytes body,
                    services.post_to_listener(
                        "/device/v1/challenge",
                        evidence::ChallengeRequest{identity.device, keys.ak_public}.encode()));
  const auto challenge = evidence::Challenge::parse(body);
  if (!challenge) return unexpected(body, "challenge");
  const std::optional<evidence::Activation>& activation = challenge->activation;
  if (!activation) return false;
  PAVISE_TRY_ASSIGN(const SecretBytes secret,
                    root.activate(activation->id_object, activation->encrypted_secret));
  evidence::BindRequest request{.session = challenge->session};
  if (secret.size() != request.secret.size())
    return Error(kBadAnswer, "activation secret of another size");
  std::memcpy(request.secret.data(), secret.view().data(), secret.size());
  PAVISE_TRY_ASSIGN(const Bytes answer,
                    services.post_to_listener("/device/v1/bind", request.encode()));
  const auto bound = evidence::parse_bind_response(answer);
  if (!bound) return Error(kBadAnswer, "bind");
  if (const auto* refused = std::get_if<evidence::Refused>(&*bound)) return refused_error(*refused);
  return true;
}

Status write_file(const std::string& path, ByteView bytes, mode_t mode) {
  const std::string temporary = path + ".new";
  {
    const UniqueFd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!file || fchmod(file.get(), mode) != 0)
      return Error(kFileFailed, temporary + ": " + std::strerror(errno));
    while (!bytes.empty()) {
      const ssize_t put = write(file.get(), bytes.data(), bytes.size());
      if (put < 0 && errno != EINTR)
        return Error(kFileFailed, temporary + ": " + std::strerror(errno));
      if (put > 0) bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    if (fsync(file.get()) != 0) return Error(kFileFailed, temporary + ": " + std::strerror(errno));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return Error(kFileFailed, path + ": " + std::strerror(errno));
  return {};
}

}  // namespace

Result<Provisioned> provision(root_of_trust::RootOfTrust& root, FactoryServices& services,
                              const std::function<void(const std::string&)>& progress) {
  PAVISE_TRY(root.provision());
  PAVISE_TRY_ASSIGN(const root_of_trust::Identity identity, root.identity());
  progress("TPM provisioned, device " + identity.device.text());
  PAVISE_TRY(services.register_device(identity.ek_certificate));
  progress("registered with the service");
  PAVISE_TRY_ASSIGN(const bool bound_now, bind(root, services, identity));
  progress(bound_now ? "attestation key bound" : "attestation key was bound before");
  PAVISE_TRY_ASSIGN(evidence::Voucher voucher, attestor::make_voucher(root));
  return Provisioned{identity.device, std::move(voucher), bound_now};
}

Status write_outcome(const std::string& folder, const Provisioned& outcome) {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return Error(kFileFailed, folder + ": " + std::strerror(errno));
  const Bytes voucher = outcome.voucher.encode();
  PAVISE_TRY(write_file(folder + "/voucher.cbor", voucher, 0600));
  PAVISE_TRY(write_file(folder + "/voucher.txt", as_bytes(to_base64(voucher) + "\n"), 0600));
  return write_file(folder + "/device-id", as_bytes(outcome.device.text() + "\n"), 0644);
}

}  // namespace pavise::factory
