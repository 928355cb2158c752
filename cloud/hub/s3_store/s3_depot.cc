#include "cloud/hub/s3_store/s3_depot.h"

#include <sys/socket.h>

#include <charconv>

#include "protocol/s3/answers.h"

namespace pavise::hub::s3_store {
namespace {

constexpr int kOk = 200;
constexpr int kCreated = 201;
constexpr int kNoContent = 204;
constexpr int kPartialContent = 206;
constexpr int kNotFound = 404;
constexpr int kRangeNotSatisfiable = 416;
constexpr int kTooManyRequests = 429;
constexpr std::string_view kNoSuchKey = "NoSuchKey";

// "bytes 4-6/10".
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
};
std::optional<ContentRange> content_range(const net::HttpResponse& response) {
  const std::string* const header = response.header("content-range");
  constexpr std::string_view kUnit = "bytes ";
  if (header == nullptr || !header->starts_with(kUnit)) return std::nullopt;
  std::string_view rest = std::string_view(*header).substr(kUnit.size());
  ContentRange out;
  for (const auto& [number, end_mark] :
       {std::pair{&out.first, '-'}, std::pair{&out.last, '/'}, std::pair{&out.total, '\0'}}) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), *number);
    if (error != std::errc()) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (end_mark == '\0') break;
    if (rest.empty() || rest.front() != end_mark) return std::nullopt;
    rest.remove_prefix(1);
  }
  if (!rest.empty()) return std::nullopt;
  return out;
}

net::TlsOptions tls_options(const Settings& settings) {
  return {.trust_anchors_pem = settings.trust_anchors_pem, .allow_tls12 = true};
}

}  // namespace

S3Depot::S3Depot(std::shared_ptr<const Settings> settings, std::string folder, const Clock& clock,
                 const Times& times)
    : settings_(std::move(settings)),
      folder_(std::move(folder)),
      clock_(clock),
      times_(times),
      tls_(tls_options(*settings_)) {}

// ---- objects

Status S3Depot::write(const std::string& name, ByteView bytes) {
  PAVISE_CHECK(files::is_object_name(name));
  const Call call{.method = "PUT", .key = folder_ + "/" + name, .body = bytes};
  PAVISE_TRY_ASSIGN(const auto response, send(call));
  const bool stored =
      response.status == kOk || response.status == kCreated || response.status == kNoContent;
  if (!stored) return refusal(call, response);
  return {};
}

Result<Bytes> S3Depot::read(const std::string& name, std::uint64_t position, std::size_t size) {
  PAVISE_CHECK(files::is_object_name(name));
  if (size == 0) return Bytes();
  const Call call{.method = "GET",
                  .key = folder_ + "/" + name,
                  .headers = {{"range", "bytes=" + std::to_string(position) + "-" +
                                            std::to_string(position + (size - 1))}},
                  .answer_bytes_max = std::max(size, kAnswerSizeMax)};
  PAVISE_TRY_ASSIGN(auto response, send(call));
  if (response.status == kRangeNotSatisfiable) return Bytes();  // it ends before that
  if (response.status == kNotFound && s3::error_code(response.body) == kNoSuchKey)
    return Error(files::kFilesFailed, "the object store has no object " + call.key);
  if (response.status != kPartialContent) return refusal(call, response);
  const auto range = content_range(response);
  const bool whole = range && range->first == position && range->last < range->total &&
                     range->last == std::min(position + (size - 1), range->total - 1) &&
                     response.body.size() == range->last - range->first + 1;
  if (!whole) return Error(files::kStoreUnreachable, "GET: another range than the one asked for");
  return std::move(response.body);
}

Status S3Depot::remove(const std::string& name) {
  PAVISE_CHECK(files::is_object_name(name));
  const Call call{.method = "DELETE", .key = folder_ + "/" + name};
  PAVISE_TRY_ASSIGN(const auto response, send(call));
  const bool gone = response.status == kNotFound && s3::error_code(response.body) == kNoSuchKey;
  if (response.status != kOk && response.status != kNoContent && !gone)
    return refusal(call, response);
  return {};
}

Status S3Depot::each(const files::VisitObject& visit) {
  const std::string prefix = folder_ + "/";
  std::string last;
  for (;;) {
    Call call{.method = "GET", .query = {{"list-type", "2"}, {"prefix", prefix}}};
    if (!last.empty()) call.query.emplace_back("start-after", last);
    PAVISE_TRY_ASSIGN(const auto response, send(call));
    if (response.status != kOk) return refusal(call, response);
    auto page = s3::parse_listing(response.body);
    if (!page) return Error(files::kStoreUnreachable, page.error().message());
    const std::string before = last;
    for (const std::string& key : page->keys) {
      if (key <= last || !key.starts_with(prefix)) continue;
      last = key;
      const std::string name = key.substr(prefix.size());
      if (files::is_object_name(name)) PAVISE_TRY(visit(name));
    }
    if (!page->truncated) return {};
    // It would go on for ever.
    if (last == before) return Error(files::kStoreUnreachable, "the listing does not go on");
  }
}

void S3Depot::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  idle_.clear();
  for (const int fd : under_way_) ::shutdown(fd, SHUT_RDWR);
}

// ---- calls

net::HttpRequest S3Depot::signed_request(const Call& call) const {
  const std::string digest = s3::payload_digest(call.body);
  s3::Request request{.method = call.method,
                      .path = settings_->place.path_of(call.key),
                      .query = call.query,
                      .headers = call.headers};
  request.headers.emplace_back("host", settings_->place.host_header());
  request.headers.emplace_back("x-amz-content-sha256", digest);
  request.headers.emplace_back("x-amz-date", s3::timestamp(clock_.now_s()));
  net::HttpRequest out{.method = call.method, .target = s3::encoded(request.path, true)};
  if (!call.query.empty()) out.target += "?" + s3::canonical_query(call.query);
  for (const auto& [name, value] : request.headers)
    if (name != "host") out.headers.push_back({name, value});
  out.headers.push_back(
      {"authorization", s3::authorization(request, settings_->keys, settings_->place.region())});
  return out;
}

Result<net::HttpResponse> S3Depot::send(const Call& call) {
  const net::HttpRequest request = signed_request(call);
  // Every call may be made twice: objects are never changed, and have names of their own.
  if (auto kept = take_idle()) {
    auto response = send_once(call, *kept, request);
    if (response || !kept->went_stale()) return response;
  }
  auto fresh = connect();
  if (!fresh) return unreachable(call.method, fresh.error());
  return send_once(call, *fresh, request);
}

Result<net::HttpResponse> S3Depot::send_once(const Call& call, Connection& connection,
                                             const net::HttpRequest& request) {
  const int fd = connection.fd();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error(files::kStoreUnreachable, "the server stops");
    under_way_.insert(fd);
  }
  auto response = connection.exchange(
      request, settings_->place.host_header(), call.body,
      {.header_count_max = kAnswerHeadersMax, .body_bytes_max = call.answer_bytes_max},
      times_.answer);
  {
    const std::lock_guard lock(mutex_);
    under_way_.erase(fd);
  }
  if (!response) return unreachable(call.method, response.error());
  if (connection.usable()) give_back(std::move(connection));
  if (response->status >= 500 || response->status == kTooManyRequests)
    return Error(files::kStoreUnreachable, refusal(call, *response).detail());
  return response;
}

Result<Connection> S3Depot::connect() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error(net::kClosed, "the server stops");
  }
  const Place& place = settings_->place;
  return Connection::open(place.host(), place.port(), place.tls() ? &tls_ : nullptr,
                          times_.connect);
}

std::optional<Connection> S3Depot::take_idle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::nullopt;
  std::optional<Connection> out(std::move(idle_.back()));
  idle_.pop_back();
  return out;
}

void S3Depot::give_back(Connection connection) {
  const std::lock_guard lock(mutex_);
  if (!stopping_ && idle_.size() < kIdleConnectionsMax) idle_.push_back(std::move(connection));
}

Error S3Depot::refusal(const Call& call, const net::HttpResponse& response) const {
  std::string text =
      call.method + " " + settings_->place.text() + ": status " + std::to_string(response.status);
  if (const std::string code = s3::error_code(response.body); !code.empty()) text += " " + code;
  return {files::kStoreRefused, std::move(text)};
}

Error S3Depot::unreachable(std::string_view method, const Error& error) const {
  std::string text = std::string(method) + " " + settings_->place.text() + ": ";
  text.append(error.info().what);
  if (!error.detail().empty()) text.append(", ").append(error.detail());
  return {files::kStoreUnreachable, std::move(text)};
}

}  // namespace pavise::hub::s3_store
