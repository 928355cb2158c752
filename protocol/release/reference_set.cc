#include "protocol/release/reference_set.h"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

namespace pavise::release {
namespace {

namespace json = boost::json;

constexpr std::size_t kJsonDepthMax = 6;

// Reads members of one JSON object; finish() refuses those that nobody asked for. After the first
// failure every read yields an empty value, so that a caller may read all and ask once.
class ObjectReader {
 public:
  explicit ObjectReader(const json::value& value) : object_(value.if_object()) {
    if (object_ == nullptr) fail("an object");
  }

  std::string text(std::string_view key, std::size_t size_max, bool may_be_empty = false) {
    const json::value* value = member(key);
    const json::string* string = value != nullptr ? value->if_string() : nullptr;
    if (string == nullptr || string->size() > size_max || (string->empty() && !may_be_empty) ||
        !std::ranges::all_of(*string, [](char c) { return c >= 0x20 && c < 0x7f; })) {
      fail(key);
      return {};
    }
    return {string->data(), string->size()};
  }
  std::uint32_t number(std::string_view key, std::uint32_t value_max) {
    const json::value* value = member(key);
    const std::int64_t* number = value != nullptr ? value->if_int64() : nullptr;
    if (number == nullptr || *number < 0 || *number > value_max) {
      fail(key);
      return 0;
    }
    return static_cast<std::uint32_t>(*number);
  }
  std::uint8_t pcr() { return static_cast<std::uint8_t>(number("pcr", kPcrCount - 1)); }
  Digest256 digest() {
    Digest256 out{};
    const auto bytes = from_hex(text("digest", 64));
    if (bytes && bytes->size() == out.size())
      std::ranges::copy(*bytes, out.begin());
    else
      fail("digest");
    return out;
  }
  // Reads every element with `read(ObjectReader&)`.
  template <class Read>
  auto list(std::string_view key, std::size_t count_max, Read read) {
    std::vector<decltype(read(*this))> out;
    const json::value* value = member(key);
    const json::array* array = value != nullptr ? value->if_array() : nullptr;
    if (array == nullptr || array->size() > count_max) {
      fail(key);
      return out;
    }
    for (const json::value& element : *array) {
      ObjectReader reader(element);
      out.push_back(read(reader));
      reader.finish();
      if (reader.failed_) fail(*reader.failed_);
    }
    return out;
  }
  void finish() {
    if (object_ != nullptr && object_->size() != asked_) fail("a member that is not known");
  }
  void fail(std::string_view what) {
    if (!failed_) failed_ = std::string(what);
  }
  const std::optional<std::string>& failed() const { return failed_; }

 private:
  const json::value* member(std::string_view key) {
    ++asked_;
    return object_ != nullptr ? object_->if_contains({key.data(), key.size()}) : nullptr;
  }

  const json::object* object_;
  std::size_t asked_ = 0;
  std::optional<std::string> failed_;
};

PcrValue read_pcr_value(ObjectReader& reader) {
  return {reader.pcr(), reader.digest()};
}

bool has_repeated_pcr(const std::vector<PcrValue>& values) {
  std::uint32_t seen = 0;
  for (const PcrValue& value : values) {
    if ((seen >> value.pcr & 1U) != 0) return true;
    seen |= 1U << value.pcr;
  }
  return false;
}

ReferenceSet read_release(ObjectReader& reader) {
  ReferenceSet out;
  (void)reader.text("profile", kTextMax);
  out.name = reader.text("name", kTextMax);
  out.version = reader.text("version", kTextMax);
  out.security_epoch = reader.number("security_epoch", UINT32_MAX);
  out.created = reader.text("created", kTextMax);
  out.pcrs = reader.list("pcrs", kPcrCount, read_pcr_value);
  out.events = reader.list("events", kEventsMax, [](ObjectReader& event) {
    return ReferenceEvent{event.pcr(), event.digest(), event.text("component", kTextMax),
                          event.text("name", kTextMax)};
  });
  out.runtime = reader.list("runtime", kRuntimeEventsMax, [](ObjectReader& event) {
    return RuntimeEvent{event.pcr(), event.text("text", kRuntimeTextMax)};
  });
  out.platforms = reader.list("platforms", kPlatformsMax, [](ObjectReader& platform) {
    PlatformProfile profile{platform.text("name", kTextMax),
                            platform.list("pcrs", kPcrCount, read_pcr_value)};
    if (profile.pcrs.empty() || has_repeated_pcr(profile.pcrs)) platform.fail("platforms");
    return profile;
  });
  out.cmdline = reader.text("cmdline", kCmdlineMax, true);
  out.components = reader.list("components", kComponentsMax, [](ObjectReader& component) {
    return Component{component.text("name", kTextMax), component.digest()};
  });
  if (out.pcrs.empty() || has_repeated_pcr(out.pcrs)) reader.fail("pcrs");
  reader.finish();
  return out;
}

void extend(Digest256& pcr, const Digest256& digest) {
  pcr = crypto::sha256({ByteView(pcr), ByteView(digest)});
}

// What the listed events make of PCRs that start at zero.
Status check_events(const ReferenceSet& set) {
  std::array<Digest256, kPcrCount> values{};
  for (const ReferenceEvent& event : set.events) {
    if (set.pcr(event.pcr) == nullptr) return Error(kReleaseField, "an event of an unlisted PCR");
    extend(values[event.pcr], event.digest);
  }
  for (const RuntimeEvent& event : set.runtime) {
    if (set.pcr(event.pcr) == nullptr) return Error(kReleaseField, "an event of an unlisted PCR");
    extend(values[event.pcr], crypto::sha256(as_bytes(event.text)));
  }
  for (const PcrValue& value : set.pcrs)
    if (value.digest != values[value.pcr])
      return Error(kReleaseInconsistent, "PCR " + std::to_string(value.pcr));
  return {};
}

}  // namespace

const Digest256* ReferenceSet::pcr(unsigned number) const {
  for (const PcrValue& value : pcrs)
    if (value.pcr == number) return &value.digest;
  return nullptr;
}

const Component* ReferenceSet::component(std::string_view component_name) const {
  for (const Component& candidate : components)
    if (candidate.name == component_name) return &candidate;
  return nullptr;
}

Result<ReferenceSet> ReferenceSet::from_signed(ByteView json_bytes, ByteView signature_der,
                                               std::span<const crypto::P256PublicKey> keys) {
  if (json_bytes.size() > kReleaseBytesMax) return kReleaseTooLarge;
  if (signature_der.size() > kSignatureBytesMax) return kReleaseSignature;
  const auto signature = crypto::ecdsa_from_der(signature_der);
  if (!signature) return kReleaseSignature;
  const Digest256 digest = crypto::sha256(json_bytes);
  const bool trusted = std::ranges::any_of(keys, [&](const crypto::P256PublicKey& key) {
    return key.verify_digest(digest, *signature).has_value();
  });
  if (!trusted) return kReleaseSignature;
  return parse_unverified(json_bytes);
}

Result<ReferenceSet> ReferenceSet::parse_unverified(ByteView json_bytes) {
  if (json_bytes.size() > kReleaseBytesMax) return kReleaseTooLarge;
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::system::error_code error;
  const std::string_view text = as_text(json_bytes);
  const json::value document = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return kReleaseNotJson;
  if (const json::object* object = document.if_object()) {
    const json::value* profile = object->if_contains("profile");
    if (profile != nullptr && profile->is_string() &&
        profile->get_string() != json::string_view(kProfile.data(), kProfile.size()))
      return kReleaseProfile;
  }
  ObjectReader reader(document);
  ReferenceSet out = read_release(reader);
  if (reader.failed()) return Error(kReleaseField, *reader.failed());
  PAVISE_TRY(check_events(out));
  out.manifest_digest = crypto::sha256(json_bytes);
  return out;
}

}  // namespace pavise::release
