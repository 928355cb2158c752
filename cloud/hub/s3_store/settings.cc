#include "cloud/hub/s3_store/settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/base/unique_fd.h"
#include "common/net/https_client.h"
#include "common/net/url.h"

namespace pavise::hub::s3_store {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::size_t kBucketSizeMin = 3;
constexpr std::size_t kBucketSizeMax = 63;

bool is_low_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_bucket(std::string_view name) {
  return name.size() >= kBucketSizeMin && name.size() <= kBucketSizeMax &&
         is_low_or_digit(name.front()) && is_low_or_digit(name.back()) &&
         name.find("..") == std::string_view::npos && std::ranges::all_of(name, [](char c) {
           return is_low_or_digit(c) || c == '.' || c == '-';
         });
}

bool is_region(std::string_view name) {
  return !name.empty() && name.size() <= kRegionSizeMax &&
         std::ranges::all_of(name, [](char c) { return is_low_or_digit(c) || c == '-'; });
}

// Without a look at any DNS: what comes to this machine whoever else listens in.
bool is_this_machine(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && std::ranges::count(host, '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kKeySizeMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != ','; });
}

}  // namespace

Result<Place> Place::parse(std::string_view url, std::string bucket, std::string region,
                           Style style) {
  constexpr std::string_view kPlain = "http://";
  Place out;
  out.tls_ = !url.starts_with(kPlain);
  const std::string as_https =
      out.tls_ ? std::string(url) : "https://" + std::string(url.substr(kPlain.size()));
  const auto parsed = net::Url::parse(as_https);
  if (!parsed) return Error(kBadPlace, "the URL");
  out.port_ = parsed->port;
  if (!out.tls_ && !is_this_machine(parsed->host))
    return Error(kBadPlace, "http:// is for stores on this machine only");
  const bool port_given = as_https.ends_with(":443") || as_https.ends_with(":443/");
  if (!out.tls_ && out.port_ == kHttpsPort && !port_given) out.port_ = kHttpPort;
  if (!is_bucket(bucket)) return Error(kBadPlace, "the bucket");
  if (!is_region(region)) return Error(kBadPlace, "the region");
  out.host_ = style == Style::path ? parsed->host : bucket + "." + parsed->host;
  out.host_header_ = net::host_header_of(out.host_, out.port_, out.tls_ ? kHttpsPort : kHttpPort);
  out.bucket_ = std::move(bucket);
  out.region_ = std::move(region);
  out.style_ = style;
  return out;
}

std::string Place::path_of(std::string_view key) const {
  std::string out = "/";
  if (style_ == Style::path) {
    out.append(bucket_);
    if (!key.empty()) out.push_back('/');
  }
  return out.append(key);
}

std::string Place::text() const {
  return (tls_ ? "https://" : "http://") + host_header_ + path_of({});
}

Result<s3::Keys> parse_keys(ByteView text) {
  if (text.size() > kKeysFileSizeMax) return Error(kBadKeys, "larger than 4 KiB");
  s3::Keys out;
  bool section = false;
  std::string_view rest = as_text(text);
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const Error bad(kBadKeys, "line " + std::to_string(number));
    if (line.front() == '[') {
      if (std::exchange(section, true)) return bad;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return bad;
    const std::string_view name = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (!is_key(value)) return bad;
    if (name == "aws_access_key_id" && out.access_key.empty())
      out.access_key = value;
    else if (name == "aws_secret_access_key" && out.secret.empty())
      out.secret = SecretBytes::copy_of(as_bytes(value));
    else
      return bad;
  }
  if (out.access_key.empty() || out.secret.empty())
    return Error(kBadKeys, "one of the two is missing");
  return out;
}

Result<s3::Keys> read_keys(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error(kBadKeys, path + ": " + std::generic_category().message(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return Error(kBadKeys, path + " is no file");
  if ((info.st_mode & 0077U) != 0) return Error(kBadKeys, path + " is open to others: chmod 600");
  SecretBytes text(kKeysFileSizeMax + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.span().data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error(kBadKeys, path + ": " + std::generic_category().message(errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  return parse_keys(text.view().first(size));
}

}  // namespace pavise::hub::s3_store
