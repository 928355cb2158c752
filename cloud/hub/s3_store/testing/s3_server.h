// An S3-compatible store in memory behind TLS on loopback, for what a real one does not do on
// demand: small pages, failures, slowness. It checks signatures by the code that made them; that
// they are right show published vectors and, in tests/interop/s3_store, a real store.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "cloud/hub/s3_store/settings.h"
#include "common/net/testing/loopback.h"

namespace pavise::hub::s3_store::testing {

inline constexpr const char* kBucket = "files";
inline constexpr const char* kRegion = "us-east-1";
inline constexpr std::string_view kAccessKey = "AKEXAMPLE";
inline constexpr std::string_view kSecret = "s3cr3t";

inline std::shared_ptr<const Settings> settings_for(const std::string& url,
                                                    const std::string& trust_anchors_pem = {},
                                                    std::string_view secret = kSecret,
                                                    std::string_view access_key = kAccessKey) {
  return std::make_shared<const Settings>(
      Settings{*Place::parse(url, kBucket, kRegion, Style::path),
               {std::string(access_key), SecretBytes::copy_of(as_bytes(secret))},
               trust_anchors_pem});
}

class S3Server {
 public:
  // Answers instead of the store, if it says anything. Any thread.
  using Instead =
      std::function<std::optional<net::testing::TestResponse>(const net::testing::TestRequest&)>;

  explicit S3Server(Instead instead = {}, std::size_t page_size = 1000)
      : instead_(std::move(instead)),
        page_size_(page_size),
        server_({.identity = ca_.issue()},
                net::testing::http_handler([this](const net::testing::TestRequest& request, SSL*) {
                  return answer(request);
                })) {}

  std::string url() const { return "https://127.0.0.1:" + std::to_string(server_.port()); }
  std::shared_ptr<const Settings> settings(std::string_view secret = kSecret) const {
    return settings_for(url(), ca_.pem(), secret);
  }
  std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void put(const std::string& key, std::string bytes) {
    const std::lock_guard lock(mutex_);
    objects_[key] = std::move(bytes);
  }

 private:
  using Answer = net::testing::TestResponse;

  static Answer error(int status, const std::string& code) {
    return {.status = status,
            .content_type = "application/xml",
            .body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code></Error>"};
  }

  static s3::Fields query_of(std::string_view text) {
    s3::Fields out;
    while (!text.empty()) {
      const std::string_view pair = text.substr(0, text.find('&'));
      text.remove_prefix(std::min(text.size(), pair.size() + 1));
      std::string value(pair.substr(pair.find('=') + 1));
      for (std::size_t at = 0; (at = value.find("%2F")) != std::string::npos;)
        value.replace(at, 3, "/");
      out.emplace_back(pair.substr(0, pair.find('=')), value);
    }
    return out;
  }

  static std::string value(const s3::Fields& fields, std::string_view name) {
    for (const auto& [each, value] : fields)
      if (each == name) return value;
    return {};
  }

  static bool is_signed(const net::testing::TestRequest& request, const std::string& path,
                        const s3::Fields& query) {
    s3::Request seen{.method = request.method, .path = path, .query = query};
    for (const auto& name : {"host", "range", "x-amz-content-sha256", "x-amz-date"})
      if (const auto found = request.headers.find(name); found != request.headers.end())
        seen.headers.emplace_back(name, found->second);
    const s3::Keys keys{std::string(kAccessKey), SecretBytes::copy_of(as_bytes(kSecret))};
    return request.headers.at("authorization") == s3::authorization(seen, keys, kRegion) &&
           request.headers.at("x-amz-content-sha256") == s3::payload_digest(as_bytes(request.body));
  }

  Answer answer(const net::testing::TestRequest& request) {
    {
      const std::lock_guard lock(mutex_);
      ++requests_;
    }
    if (instead_)
      if (auto given = instead_(request)) return *std::move(given);
    const std::string path = request.target.substr(0, request.target.find('?'));
    const s3::Fields query =
        path.size() == request.target.size()
            ? s3::Fields()
            : query_of(std::string_view(request.target).substr(path.size() + 1));
    if (!is_signed(request, path, query)) return error(403, "SignatureDoesNotMatch");
    const std::string in_bucket = std::string("/") + kBucket + "/";
    const std::lock_guard lock(mutex_);
    if (path + "/" == in_bucket) return list(query);
    if (!path.starts_with(in_bucket)) return error(404, "NoSuchBucket");
    const std::string key = path.substr(in_bucket.size());
    if (request.method == "PUT") {
      objects_[key] = request.body;
      return {.status = 200};
    }
    if (request.method == "DELETE") {
      objects_.erase(key);
      return {.status = 204};
    }
    return get(key, request.headers.at("range"));
  }

  Answer get(const std::string& key, const std::string& range) const {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return error(404, "NoSuchKey");
    const std::size_t first = std::stoul(range.substr(6));
    const std::size_t last = std::stoul(range.substr(range.find('-') + 1));
    const std::string& all = found->second;
    if (first >= all.size()) return error(416, "InvalidRange");
    const std::string part = all.substr(first, last - first + 1);
    return {.status = 206,
            .content_type = "application/octet-stream",
            .body = part,
            .more_headers = "Content-Range: bytes " + std::to_string(first) + "-" +
                            std::to_string(first + part.size() - 1) + "/" +
                            std::to_string(all.size()) + "\r\n"};
  }

  Answer list(const s3::Fields& query) const {
    const std::string prefix = value(query, "prefix");
    const std::string after = value(query, "start-after");
    std::string inside;
    std::size_t count = 0;
    bool truncated = false;
    for (const auto& [key, bytes] : objects_) {
      if (!key.starts_with(prefix) || key <= after) continue;
      truncated = count == page_size_;
      if (truncated) break;
      ++count;
      inside += "<Contents><Key>" + key + "</Key></Contents>";
    }
    return {.content_type = "application/xml",
            .body = "<ListBucketResult><IsTruncated>" + std::string(truncated ? "true" : "false") +
                    "</IsTruncated>" + inside + "</ListBucketResult>"};
  }

  const Instead instead_;
  const std::size_t page_size_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;
  std::size_t requests_ = 0;
  net::testing::TestCa ca_;
  net::testing::LoopbackServer server_;  // last: its threads use the others
};

}  // namespace pavise::hub::s3_store::testing
