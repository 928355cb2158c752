// hub device-identity export, import: a container, a job in it, and the file
#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "cli/program/hub_verb.h"
#include "cli/view/hub_views.h"
#include "common/base/bytes.h"
#include "common/base/unique_fd.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::chrono::milliseconds kPollEvery{500};
constexpr std::size_t kBlockSize = 4UL * 1024 * 1024;
constexpr std::uint64_t kPieceSize = 8UL * 1024 * 1024;
constexpr std::string_view kDevicesFile = "devices.txt";
constexpr std::string_view kErrorsFile = "importErrors.log";

struct TransferArguments {
  std::string hub, path, input_uri, output_uri;
  bool include_keys = false;
  int ttl_s = 3600;
};

std::string text_of(const json::value& answer, std::string_view name) {
  const json::object* const object = answer.if_object();
  const json::value* const value = object == nullptr ? nullptr : object->if_contains(name);
  return value == nullptr || !value->is_string()
             ? std::string()
             : std::string(std::string_view(value->get_string()));
}

std::int64_t number_of(const json::value& answer, std::string_view name) {
  const json::object* const object = answer.if_object();
  const json::value* const value = object == nullptr ? nullptr : object->if_contains(name);
  return value == nullptr || !value->is_int64() ? 0 : value->get_int64();
}

// A container that goes when the command ends, with the keys that are in its files.
class Container {
 public:
  Container(Session& session, std::string hub) : session_(session), hub_(std::move(hub)) {}
  ~Container() {
    if (!id_.empty()) (void)session_.hub_call(hub_, "DELETE", "/containers/" + url_encode(id_));
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  bool make(int ttl_s) {
    const auto made = session_.hub_call(hub_, "POST", "/containers",
                                        json::serialize(json::object{{"ttlInSeconds", ttl_s}}));
    if (!made) return false;
    id_ = text_of(*made, "containerId");
    uri_ = text_of(*made, "containerUri");
    const std::size_t host = uri_.find("://");
    const std::size_t path = host == std::string::npos ? host : uri_.find('/', host + 3);
    const std::size_t query = uri_.find('?');
    if (id_.empty() || path == std::string::npos || query == std::string::npos || query < path) {
      (void)session_.fail(Error(kBadAnswer, "no container"));
      return false;
    }
    path_ = uri_.substr(path, query - path);
    query_ = uri_.substr(query + 1);
    return true;
  }
  const std::string& uri() const { return uri_; }
  std::string target(std::string_view file, const std::string& more = {}) const {
    return path_ + "/" + std::string(file) + "?" + more + query_;
  }
  // Nothing after the failure was printed.
  std::optional<std::uint64_t> size_of(std::string_view file) {
    const auto answer = session_.hub_call(hub_, "GET", "/containers/" + url_encode(id_));
    if (!answer) return std::nullopt;
    const json::object* const object = answer->if_object();
    const json::value* const files = object == nullptr ? nullptr : object->if_contains("files");
    if (files != nullptr && files->is_array())
      for (const json::value& each : files->get_array())
        if (text_of(each, "blobName") == file)
          return static_cast<std::uint64_t>(number_of(each, "sizeInBytes"));
    (void)session_.fail(Error(kBadAnswer, "no " + std::string(file)));
    return std::nullopt;
  }
  std::optional<std::string> piece(std::string_view file, std::uint64_t begin, std::uint64_t end) {
    auto bytes = session_.hub_bytes(
        hub_, "GET", target(file),
        {{"Range", "bytes=" + std::to_string(begin) + "-" + std::to_string(end - 1)}});
    if (bytes && bytes->size() != end - begin) {
      (void)session_.fail(Error(kBadAnswer, "a piece of the file has another size"));
      return std::nullopt;
    }
    return bytes;
  }

 private:
  Session& session_;
  const std::string hub_;
  std::string id_, uri_, path_, query_;
};

// The job when it has ended; nothing after the failure was printed.
std::optional<json::value> run_job(Session& session, const std::string& hub,
                                   const json::object& body) {
  auto job = session.hub_call(hub, "POST", "/jobs/create", json::serialize(body));
  std::int64_t told = 0;
  while (job) {
    const std::string status = text_of(*job, "status");
    if (status == "completed") return job;
    if (status == "failed" || status == "cancelled") {
      session.fail(Error(kTransferFailed, text_of(*job, "failureReason")));
      return std::nullopt;
    }
    if (const std::int64_t progress = number_of(*job, "progress"); progress != told) {
      told = progress;
      session.note(std::to_string(progress) + " %\n");
    }
    std::this_thread::sleep_for(kPollEvery);
    job = session.hub_call(hub, "GET", "/jobs/" + url_encode(text_of(*job, "jobId")));
  }
  return std::nullopt;
}

// Into a file beside the one that is asked for, which takes its place when it is whole. Only its
// owner can read it: it may have keys.
bool fetch(Session& session, Container& container, const std::string& path) {
  const auto size = container.size_of(kDevicesFile);
  if (!size) return false;
  const std::string partial = path + ".partial";
  (void)::unlink(partial.c_str());
  UniqueFd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  bool good = static_cast<bool>(fd);
  bool said = false;
  for (std::uint64_t at = 0; good && at < *size;) {
    const std::uint64_t end = std::min(*size, at + kPieceSize);
    const auto piece = container.piece(kDevicesFile, at, end);
    said = !piece;
    good = piece.has_value();
    for (std::size_t written = 0; piece && good && written < piece->size();) {
      const ssize_t n = ::write(fd.get(), piece->data() + written, piece->size() - written);
      good = n > 0;
      if (good) written += static_cast<std::size_t>(n);
    }
    at = end;
  }
  good = good && std::rename(partial.c_str(), path.c_str()) == 0;
  if (good) return true;
  (void)::unlink(partial.c_str());
  if (!said) session.fail(Error(kFileUnreadable, path));
  return false;
}

bool upload(Session& session, const std::string& hub, Container& container,
            const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string list;
  std::string block(kBlockSize, '\0');
  for (std::size_t number = 0; in; ++number) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto size = static_cast<std::size_t>(in.gcount());
    if (in.bad() || size == 0) break;
    char name[16];
    std::snprintf(name, sizeof name, "%08zu", number);
    const std::string id = to_base64(as_bytes(std::string_view(name)));
    if (!session.hub_call(
            hub, "PUT",
            container.target(kDevicesFile, "comp=block&blockid=" + url_encode(id) + "&"),
            block.substr(0, size)))
      return false;
    list += "<Latest>" + id + "</Latest>";
  }
  if (!in.eof()) {
    session.fail(Error(kFileUnreadable, path));
    return false;
  }
  return session
      .hub_call(hub, "PUT", container.target(kDevicesFile, "comp=blocklist&"),
                "<BlockList>" + list + "</BlockList>")
      .has_value();
}

// Line by line for people, and as a list for programs.
Exit show_import(Session& session, Container& container, const json::value& job) {
  const auto size = container.size_of(kErrorsFile);
  if (!size) return session.exit();
  std::string log;
  for (std::uint64_t at = 0; at < *size;) {
    const std::uint64_t end = std::min(*size, at + kPieceSize);
    const auto piece = container.piece(kErrorsFile, at, end);
    if (!piece) return session.exit();
    log += *piece;
    at = end;
  }
  json::array errors;
  std::string text;
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = std::min(log.find('\n', at), log.size());
    boost::system::error_code failed;
    json::value line = json::parse(std::string_view(log).substr(at, end - at), failed);
    at = end + 1;
    if (failed) continue;
    const std::string module_id = text_of(line, "moduleId");
    text += "line " + std::to_string(number_of(line, "line")) + ": " + text_of(line, "deviceId") +
            (module_id.empty() ? "" : "/" + module_id) + " " + text_of(line, "errorStatus") + ": " +
            text_of(line, "message") + "\n";
    errors.push_back(std::move(line));
  }
  const bool good = errors.empty();
  if (session.json()) {
    session.print(json::serialize(json::object{{"job", job}, {"errors", std::move(errors)}}) +
                  "\n");
  } else {
    session.note(text);
    session.print(text_of(job, "statusMessage") + "\n");
  }
  return good ? Exit::ok : Exit::failed;
}

Exit export_devices(Session& session, const TransferArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  json::object body{{"type", "export"}, {"excludeKeysInExport", !a.include_keys}};
  if (!a.output_uri.empty()) {
    body["outputBlobContainerUri"] = a.output_uri;
    return hub_show(session, *hub, &view::hub_transfer, "POST", "/jobs/create",
                    json::serialize(body));
  }
  if (a.path.empty()) return session.fail(Error(kBadArgument, "--path or --blob-container-uri"));
  Container container(session, *hub);
  if (!container.make(a.ttl_s)) return session.exit();
  body["outputBlobContainerUri"] = container.uri();
  const auto job = run_job(session, *hub, body);
  if (!job || !fetch(session, container, a.path)) return session.exit();
  session.print(session.json() ? json::serialize(*job) + "\n"
                               : a.path + ", " + text_of(*job, "statusMessage") + "\n");
  return Exit::ok;
}

Exit import_devices(Session& session, const TransferArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  json::object body{{"type", "import"}};
  if (!a.input_uri.empty()) {
    body["inputBlobContainerUri"] = a.input_uri;
    body["outputBlobContainerUri"] = a.output_uri.empty() ? a.input_uri : a.output_uri;
    return hub_show(session, *hub, &view::hub_transfer, "POST", "/jobs/create",
                    json::serialize(body));
  }
  if (a.path.empty())
    return session.fail(Error(kBadArgument, "--path or --input-blob-container-uri"));
  Container container(session, *hub);
  if (!container.make(a.ttl_s)) return session.exit();
  if (!upload(session, *hub, container, a.path)) return session.exit();
  body["inputBlobContainerUri"] = body["outputBlobContainerUri"] = container.uri();
  const auto job = run_job(session, *hub, body);
  return job ? show_import(session, container, *job) : session.exit();
}

}  // namespace

void add_transfer_verbs(CLI::App& noun, Action& run) {
  auto out = std::make_shared<TransferArguments>();
  CLI::App* exports =
      add_verb(noun, "export", "all devices and modules of a hub into a file, one JSON a line",
               "  pavise hub device-identity export -n plant-1 --path devices.txt --include-keys");
  add_hub_option(exports, out->hub);
  exports->add_option("-p,--path", out->path, "the file to write here");
  exports->add_flag("--ik,--include-keys", out->include_keys, "with symmetric keys: keep it safe");
  exports->add_option("--bcu,--blob-container-uri", out->output_uri,
                      "a container of the hub; only starts the job");
  exports->add_option("--ttl", out->ttl_s, "seconds that it may take")
      ->check(CLI::Range(60, 86400));
  on_verb(exports, run, out, &export_devices);

  auto in = std::make_shared<TransferArguments>();
  CLI::App* imports =
      add_verb(noun, "import", "make, change and remove devices as the lines of a file say",
               "  pavise hub device-identity import -n plant-2 --path devices.txt");
  add_hub_option(imports, in->hub);
  imports->add_option("-p,--path", in->path, "the file");
  imports->add_option("--ibcu,--input-blob-container-uri", in->input_uri,
                      "a container of the hub; only starts the job");
  imports->add_option("--obcu,--output-blob-container-uri", in->output_uri,
                      "where importErrors.log goes; else to the same");
  imports->add_option("--ttl", in->ttl_s, "seconds that it may take")->check(CLI::Range(60, 86400));
  on_verb(imports, run, in, &import_devices);
}

}  // namespace pavise::cli
