#include "cloud/hub/rest/continuation.h"

#include "common/base/bytes.h"
#include "common/crypto/crypto.h"
#include "protocol/iothub/identity.h"

namespace pavise::hub::rest {
namespace {

constexpr unsigned char kVersion = 1;
constexpr std::size_t kBindingSize = 16;
constexpr std::size_t kNumberSize = 8;
constexpr std::size_t kHeadSize = 1 + kBindingSize + kNumberSize;
constexpr char kSeparator = '\n';  // in no id

// Over the query and the rest of the token: neither can be changed by accident.
std::string binding_of(std::string_view asked, std::string_view rest) {
  const auto digest =
      crypto::sha256({as_bytes(asked), as_bytes(std::string_view("\0", 1)), as_bytes(rest)});
  return std::string(as_text(ByteView(digest).first(kBindingSize)));
}

// What a page can have ended at: nothing, a device, or a module of a device.
bool is_row_id(std::string_view id) {
  if (id.empty()) return true;
  const std::size_t cut = id.find('/');
  if (cut == std::string_view::npos) return iothub::is_valid_id(id);
  return iothub::is_valid_id(id.substr(0, cut)) && iothub::is_valid_id(id.substr(cut + 1));
}

}  // namespace

std::string Continuation::text(std::string_view asked) const {
  std::string rest;
  for (std::size_t i = 0; i < kNumberSize; ++i)
    rest.push_back(static_cast<char>(given >> (8 * (kNumberSize - 1 - i))));
  rest.append(job).append(1, kSeparator).append(after);
  std::string out(1, static_cast<char>(kVersion));
  out.append(binding_of(asked, rest)).append(rest);
  return to_base64(as_bytes(out));
}

Result<Continuation> Continuation::parse(std::string_view text, std::string_view asked) {
  if (text.size() > kContinuationSizeMax) return Error(kBadContinuation, "too long");
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() <= kHeadSize) return Error(kBadContinuation, "not well-formed");
  const std::string_view all = as_text(*bytes);
  if (static_cast<unsigned char>(all[0]) != kVersion)
    return Error(kBadContinuation, "of another version");
  const std::string_view rest = all.substr(1 + kBindingSize);
  if (all.substr(1, kBindingSize) != binding_of(asked, rest))
    return Error(kBadContinuation, "of another query, or changed");
  Continuation out;
  for (std::size_t i = 0; i < kNumberSize; ++i)
    out.given = out.given << 8 | static_cast<unsigned char>(rest[i]);
  const std::string_view ids = rest.substr(kNumberSize);
  const std::size_t cut = ids.find(kSeparator);
  if (cut == std::string_view::npos) return Error(kBadContinuation, "not well-formed");
  out.job = ids.substr(0, cut);
  out.after = ids.substr(cut + 1);
  if ((!out.job.empty() && !iothub::is_valid_id(out.job)) ||
      out.after.size() > kContinuationIdSizeMax || !is_row_id(out.after))
    return Error(kBadContinuation, "not well-formed");
  return out;
}

}  // namespace pavise::hub::rest
