#include "protocol/twin/twin.h"

#include <boost/json.hpp>

namespace pavise::twin {
namespace {

namespace json = boost::json;

constexpr std::string_view kVersionKey = "$version";
constexpr std::size_t kNumberSize = 8;
constexpr std::size_t kBooleanSize = 4;

Result<json::object> parse_object(std::string_view text, std::size_t depth_max) {
  json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code failed;
  json::value value = json::parse(text, failed, {}, options);
  if (failed == json::error::too_deep) return kTooDeep;
  if (failed) return Error(kBadJson, failed.message());
  if (!value.is_object()) return kNotAnObject;
  return std::move(value.as_object());
}

Status check_key(std::string_view key) {
  if (key.empty() || key.size() > kKeySizeMax) return kBadKey;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto c = static_cast<unsigned char>(key[i]);
    if (c < 0x20 || c == 0x7F || c == '.' || c == '$' || c == ' ') return kBadKey;
    // U+0080 to U+009F, the C1 controls, are C2 80 to C2 9F in UTF-8.
    if (c == 0xC2 && i + 1 < key.size() && static_cast<unsigned char>(key[i + 1]) < 0xA0)
      return kBadKey;
  }
  return {};
}

Status check_value(const json::value& value, std::size_t depth);

Status check_object(const json::object& object, std::size_t depth) {
  if (depth > kDepthMax) return kTooDeep;
  for (const auto& member : object) {
    PAVISE_TRY(check_key(member.key()));
    PAVISE_TRY(check_value(member.value(), depth));
  }
  return {};
}

Status check_value(const json::value& value, std::size_t depth) {
  switch (value.kind()) {
    case json::kind::object:
      return check_object(value.get_object(), depth + 1);
    case json::kind::array:
      if (depth + 1 > kDepthMax) return kTooDeep;
      for (const auto& item : value.get_array()) PAVISE_TRY(check_value(item, depth + 1));
      return {};
    case json::kind::string:
      if (value.get_string().size() > kStringSizeMax) return kStringTooLong;
      return {};
    case json::kind::int64:
      if (value.get_int64() > kIntegerMax || value.get_int64() < -kIntegerMax)
        return kNumberTooLarge;
      return {};
    case json::kind::uint64:  // only used above the range of int64
      return kNumberTooLarge;
    default:
      return {};
  }
}

std::size_t size_of(const json::value& value) {
  std::size_t size = 0;
  switch (value.kind()) {
    case json::kind::object:
      for (const auto& member : value.get_object())
        size += member.key().size() + size_of(member.value());
      return size;
    case json::kind::array:
      for (const auto& item : value.get_array()) size += size_of(item);
      return size;
    case json::kind::string:
      return value.get_string().size();
    case json::kind::bool_:
      return kBooleanSize;
    case json::kind::null:
      return 0;
    default:
      return kNumberSize;
  }
}

std::size_t size_of(const json::object& object) {
  std::size_t size = 0;
  for (const auto& member : object) size += member.key().size() + size_of(member.value());
  return size;
}

// The library reads some long decimals one unit in the last place off what it writes. A stored twin
// is read and written again and again, so a number must settle before it is stored: it becomes one
// that survives being written and read.
Status settle(json::value& value) {
  constexpr int kAttempts = 16;
  switch (value.kind()) {
    case json::kind::object:
      for (auto& member : value.get_object()) PAVISE_TRY(settle(member.value()));
      return {};
    case json::kind::array:
      for (auto& item : value.get_array()) PAVISE_TRY(settle(item));
      return {};
    case json::kind::double_:
      for (int i = 0; i < kAttempts; ++i) {
        boost::system::error_code failed;
        json::value again = json::parse(json::serialize(value), failed);
        if (failed) break;
        if (again == value) return {};
        value = std::move(again);
      }
      return Error(kBadJson, "a number cannot be represented");
    default:
      return {};
  }
}

Result<json::object> parse_patch(std::string_view text) {
  if (text.size() > kPatchTextMax) return kPatchTooLarge;
  PAVISE_TRY_ASSIGN(json::object patch, parse_object(text, kDepthMax + 1));
  PAVISE_TRY(check_object(patch, 1));
  for (auto& member : patch) PAVISE_TRY(settle(member.value()));
  return patch;
}

// RFC 7396 section 2. Depth is bounded by kDepthMax on both sides.
void merge_into(json::object& target, const json::object& patch) {
  for (const auto& member : patch) {
    if (member.value().is_null()) {
      target.erase(member.key());
      continue;
    }
    if (!member.value().is_object()) {
      target.insert_or_assign(member.key(), member.value());
      continue;
    }
    json::value& slot = target[member.key()];
    if (!slot.is_object()) slot.emplace_object();
    merge_into(slot.get_object(), member.value().get_object());
  }
}

struct SectionState {
  json::object properties;
  std::uint64_t version = 1;

  json::object with_version() const {
    json::object out = properties;
    out[kVersionKey] = version;
    return out;
  }
};

std::optional<SectionState> section_from(const json::object& document, std::string_view name) {
  const json::value* found = document.if_contains(name);
  if (found == nullptr || !found->is_object()) return std::nullopt;
  SectionState out;
  out.properties = found->get_object();
  const json::value* version = out.properties.if_contains(kVersionKey);
  if (version == nullptr || !version->is_int64() || version->get_int64() < 1) return std::nullopt;
  out.version = static_cast<std::uint64_t>(version->get_int64());
  out.properties.erase(kVersionKey);
  return out;
}

}  // namespace

struct Twin::State {
  SectionState desired;
  SectionState reported;
  SectionState& at(Section section) { return section == Section::desired ? desired : reported; }
};

Twin::Twin() : state_(std::make_unique<State>()) {}
Twin::Twin(std::unique_ptr<State> state) : state_(std::move(state)) {}
Twin::Twin(Twin&& other) noexcept = default;
Twin& Twin::operator=(Twin&& other) noexcept = default;
Twin::~Twin() = default;

Result<Twin> Twin::from_store(std::string_view text) {
  const auto document = parse_object(text, kDepthMax + 2);
  if (!document) return kCorruptTwin;
  auto desired = section_from(*document, "desired");
  auto reported = section_from(*document, "reported");
  if (!desired || !reported) return kCorruptTwin;
  return Twin(std::make_unique<State>(State{*std::move(desired), *std::move(reported)}));
}

Status Twin::merge(Section section, std::string_view patch_json,
                   std::optional<std::uint64_t> if_version) {
  SectionState& state = state_->at(section);
  if (if_version && *if_version != state.version) return kVersionMismatch;
  PAVISE_TRY_ASSIGN(const json::object patch, parse_patch(patch_json));
  json::object merged = state.properties;
  merge_into(merged, patch);
  if (size_of(merged) > kSectionSizeMax) return kSectionTooLarge;
  state.properties = std::move(merged);
  ++state.version;
  return {};
}

Status Twin::replace(Section section, std::string_view text,
                     std::optional<std::uint64_t> if_version) {
  SectionState& state = state_->at(section);
  if (if_version && *if_version != state.version) return kVersionMismatch;
  PAVISE_TRY_ASSIGN(const json::object given, parse_patch(text));
  json::object cleaned;
  merge_into(cleaned, given);  // drops nulls
  if (size_of(cleaned) > kSectionSizeMax) return kSectionTooLarge;
  state.properties = std::move(cleaned);
  ++state.version;
  return {};
}

std::uint64_t Twin::version(Section section) const {
  return state_->at(section).version;
}

std::string Twin::section_json(Section section) const {
  return json::serialize(state_->at(section).properties);
}

std::string Twin::device_json() const {
  json::object out;
  out["desired"] = state_->desired.with_version();
  out["reported"] = state_->reported.with_version();
  return json::serialize(out);
}

std::string Twin::store_text() const {
  return device_json();
}

Result<std::string> desired_notification(std::string_view patch_json, std::uint64_t version) {
  if (patch_json.size() > kPatchTextMax) return kPatchTooLarge;
  PAVISE_TRY_ASSIGN(json::object patch, parse_object(patch_json, kDepthMax + 1));
  patch[kVersionKey] = version;
  return json::serialize(patch);
}

std::string error_body(int error_code, std::string_view message) {
  json::object out;
  out["errorCode"] = error_code;
  out["message"] = message;
  return json::serialize(out);
}

}  // namespace pavise::twin
