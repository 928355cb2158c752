#include "protocol/eventlog/builder.h"

#include "common/crypto/crypto.h"

namespace pavise::eventlog {
namespace {

using namespace std::string_view_literals;
constexpr std::uint16_t kAlgSha256 = 0x000b;

}  // namespace

EventLogBuilder::EventLogBuilder() {
  ByteWriter spec;
  spec.raw(as_bytes("Spec ID Event03\0"sv)).le(std::uint32_t{0});
  spec.be(std::uint8_t{0}).be(std::uint8_t{2}).be(std::uint8_t{0}).be(std::uint8_t{2});
  spec.le(std::uint32_t{1}).le(kAlgSha256).le(std::uint16_t{32}).be(std::uint8_t{0});
  writer_.le(std::uint32_t{0}).le(kEvNoAction).raw(Bytes(20));
  writer_.le(static_cast<std::uint32_t>(spec.size())).raw(spec.bytes());
}

EventLogBuilder& EventLogBuilder::add(unsigned pcr, std::uint32_t type, const Digest256& digest,
                                      ByteView data) {
  writer_.le(static_cast<std::uint32_t>(pcr)).le(type);
  writer_.le(std::uint32_t{1}).le(kAlgSha256).raw(digest);
  writer_.le(static_cast<std::uint32_t>(data.size())).raw(data);
  return *this;
}

EventLogBuilder& EventLogBuilder::add_measured(unsigned pcr, std::uint32_t type, ByteView data) {
  return add(pcr, type, crypto::sha256(data), data);
}

EventLogBuilder& EventLogBuilder::startup_locality(std::uint8_t locality) {
  Bytes data = to_bytes(as_bytes("StartupLocality\0"sv));
  data.push_back(std::byte{locality});
  return add(0, kEvNoAction, Digest256{}, data);
}

EventLogBuilder& EventLogBuilder::separator(unsigned pcr) {
  return add_measured(pcr, kEvSeparator, Bytes(4));
}

Bytes global_variable_data(std::string_view name, ByteView value) {
  ByteWriter out;
  out.le(std::uint32_t{0x8be4df61}).le(std::uint16_t{0x93ca}).le(std::uint16_t{0x11d2});
  out.raw(*from_hex("aa0d00e098032b8c"));
  out.le(std::uint64_t{name.size()}).le(std::uint64_t{value.size()});
  const Bytes wide = utf16z(name);
  return out.raw(ByteView(wide).first(2 * name.size())).raw(value).take();
}

Bytes utf16z(std::string_view ascii) {
  ByteWriter out;
  for (const char c : ascii) out.le(static_cast<std::uint16_t>(static_cast<unsigned char>(c)));
  return out.le(std::uint16_t{0}).take();
}

}  // namespace pavise::eventlog
