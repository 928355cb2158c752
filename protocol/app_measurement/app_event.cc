#include "protocol/app_measurement/app_event.h"

#include <algorithm>
#include <optional>

#include "common/crypto/crypto.h"

namespace pavise::app_measurement {
namespace {

// The part before the next space, which is taken, too. nullopt: there is none.
std::optional<std::string_view> take_word(std::string_view& text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space + 1);
  return word;
}

bool read_digest(std::string_view text, Digest256& out) {
  const auto digest = from_hex(text);
  if (!digest || digest->size() != out.size()) return false;
  std::ranges::copy(*digest, out.begin());
  return true;
}

}  // namespace

Result<AppEvent> AppEvent::parse(std::string_view text) {
  if (text.size() > kAppEventBytesMax || !text.starts_with(kAppEventPrefix)) return kNotAppEvent;
  std::string_view rest = text.substr(kAppEventPrefix.size());
  const auto id = take_word(rest);
  const auto version_text = take_word(rest);
  if (!id || !version_text) return kNotAppEvent;
  const auto component = manifest::ComponentId::parse(*id);
  const auto version = manifest::Version::parse(*version_text);
  if (!component || !version) return kNotAppEvent;
  AppEvent out{.component = *component, .version = *version};
  const auto policy = take_word(rest);
  if (!policy || !read_digest(*policy, out.policy_digest) || !read_digest(rest, out.content_digest))
    return kNotAppEvent;
  // One spelling for one event: a digest in upper case would be another measurement of the same.
  if (out.text() != text) return kNotAppEvent;
  return out;
}

std::string AppEvent::text() const {
  std::string out(kAppEventPrefix);
  return out.append(component.text())
      .append(" ")
      .append(version.text())
      .append(" ")
      .append(to_hex(policy_digest))
      .append(" ")
      .append(to_hex(content_digest));
}

Digest256 pcr_after(std::span<const std::string> texts) {
  Digest256 value{};
  for (const std::string& text : texts)
    value = crypto::sha256({value, crypto::sha256(as_bytes(text))});
  return value;
}

Status AppEventList::add(std::string_view text) {
  PAVISE_TRY_ASSIGN(const AppEvent event, AppEvent::parse(text));
  if (std::ranges::find(events_, event) != events_.end())
    return Error(kAppEventTwice, event.component.text());
  if (events_.size() == kAppEventsMax) return kTooManyAppEvents;
  events_.push_back(event);
  return {};
}

}  // namespace pavise::app_measurement
