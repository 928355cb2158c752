#include "cli/program/app_deploy.h"

#include <algorithm>
#include <filesystem>

#include "common/crypto/crypto.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr int kUploadsMax = 3;
constexpr int kPartAnswerS = 15;
constexpr int kInstallAnswerS = 30;  // it has up to 20
constexpr int kInstallLooksMax = 40;
constexpr std::chrono::milliseconds kInstallLook{500};
// Of the device.
constexpr std::string_view kPartOutOfOrder = "PV-DEP-001";
constexpr std::string_view kNotReceived = "PV-DEP-002";

AppAnswer send_part(Session& session, const AppDevice& device, ByteView file, std::size_t at,
                    ByteView part) {
  const AppCall call{
      .method = "receive",
      .payload = json::object{{"size", file.size()}, {"offset", at}, {"data", to_base64(part)}},
      .answer_s = kPartAnswerS,
      .connect_s = kDeployConnectS};
  AppAnswer answer = call_app_device(session, device, call);
  if (answer.kind != AppAnswer::Kind::interrupted) return answer;
  answer = call_app_device(session, device, call);
  // It has this part, since nothing follows the same one twice; if it has another, the next part
  // shows that, and the digest of the whole at the latest.
  if (answer.refusal() == kPartOutOfOrder)
    return {AppAnswer::Kind::good, 200, json::object{{"received", at + part.size()}}};
  return answer;
}

// The answer to the first part that was not taken, or to the last.
AppAnswer send_parts(Session& session, const AppDevice& device, ByteView file, Work& work,
                     const std::string& name) {
  AppAnswer answer;
  for (std::size_t at = 0; at < file.size();) {
    work.say("sending " + name + ": " + std::to_string(at * 100 / file.size()) + " %");
    const ByteView part = file.subspan(at, std::min(kPackagePartBytes, file.size() - at));
    answer = send_part(session, device, file, at, part);
    if (!answer.good()) return answer;
    at += part.size();
    if (number_of(answer.payload, "received") != at) {
      session.fail(Error(kBadDeviceAnswer, "it received another number of bytes than were sent"));
      return {};
    }
  }
  return answer;
}

// For an answer that was lost: what the device has now, if it is this package.
std::optional<json::value> look_for(Session& session, const AppDevice& device,
                                    const app::PackageFile& file) {
  const std::string& name = file.package.manifest().name;
  const std::string digest = to_hex(file.package.header().root_hash);
  for (int look = 0; look < kInstallLooksMax; ++look) {
    const AppAnswer answer = call_app_device(
        session, device,
        {.method = "list", .payload = nullptr, .connect_s = kDeployConnectS, .reads_only = true});
    if (answer.kind == AppAnswer::Kind::failed) return std::nullopt;
    const json::value* found = answer.good() ? app_named(answer.payload, name) : nullptr;
    if (found != nullptr && text_of(*found, "source") == "deployed" &&
        text_of(*found, "content_digest") == digest &&
        text_of(*found, "version") == file.package.header().version.text())
      return json::object{{"name", name},
                          {"version", text_of(*found, "version")},
                          {"state", text_of(*found, "state")}};
    session.pause(kInstallLook);
  }
  tell(session, device, {.kind = AppAnswer::Kind::interrupted});
  return std::nullopt;
}

AppAnswer install(Session& session, const AppDevice& device, const app::PackageFile& file) {
  return call_app_device(session, device,
                         {.method = "install",
                          .payload = json::object{{"size", file.bytes.size()},
                                                  {"sha256", to_hex(crypto::sha256(file.bytes))}},
                          .answer_s = kInstallAnswerS,
                          .connect_s = kDeployConnectS});
}

// Parts are sent anew if one was lost, or somebody else sends to the same device.
bool begins_anew(const AppAnswer& sent) {
  return sent.kind == AppAnswer::Kind::interrupted || sent.refusal() == kPartOutOfOrder;
}

}  // namespace

std::optional<app::PackageFile> read_deployable(Session& session, const AppDevice& device,
                                                const std::string& path) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) {
    session.fail(Error(kPackageIsFolder, path));
    return std::nullopt;
  }
  auto file = app::read_package(path);
  if (!file) {
    session.fail(file.error());
    return std::nullopt;
  }
  const std::string& tenant = file->package.header().tenant.text();
  if (tenant != device.tenant) {
    session.fail(Error(kOtherOwner, "it is for " + tenant + ", the device is of " + device.tenant));
    return std::nullopt;
  }
  return *std::move(file);
}

std::optional<json::value> deploy(Session& session, const AppDevice& device,
                                  const app::PackageFile& file, DeployTimes* times) {
  const std::string& name = file.package.manifest().name;
  Work work(session, "sending " + name);
  for (int tries = 1;; ++tries) {
    const auto begin = Clock::now();
    AppAnswer answer = send_parts(session, device, file.bytes, work, name);
    bool again = begins_anew(answer);
    if (answer.good()) {
      const auto sent = Clock::now();
      work.say("installing " + name);
      answer = install(session, device, file);
      if (times != nullptr)
        *times = {.upload = between(begin, sent), .install = between(sent, Clock::now())};
      if (answer.good()) return std::move(answer.payload);
      if (answer.kind == AppAnswer::Kind::interrupted) return look_for(session, device, file);
      again = answer.refusal() == kNotReceived;
    }
    if (!again || tries == kUploadsMax) {
      tell(session, device, answer);
      return std::nullopt;
    }
    session.note("a part was lost on its way: sending " + name + " again\n");
  }
}

}  // namespace pavise::cli
