#include "protocol/mqtt/packet_stream.h"

#include <algorithm>

namespace pavise::mqtt {
namespace {
constexpr std::size_t kFixedHeaderMax = 5;
}

void PacketStream::feed(ByteView bytes) {
  PAVISE_CHECK(input_.empty());
  input_ = bytes;
}

Result<std::optional<Packet>> PacketStream::next() {
  if (failed_) return *failed_;
  if (stash_used_up_) {
    Bytes().swap(stash_);
    stash_used_up_ = false;
  }
  auto packet = stash_.empty() ? next_from_input() : next_from_stash();
  if (!packet) {
    failed_ = packet.error();
    input_ = {};
  }
  return packet;
}

Result<std::optional<FixedHeader>> PacketStream::checked_header(ByteView bytes) const {
  PAVISE_TRY_ASSIGN(auto header, parse_fixed_header(bytes));
  if (header && header->header_size + header->remaining_bytes > packet_size_max_)
    return Error(kPacketTooLarge, std::to_string(header->header_size + header->remaining_bytes) +
                                      " bytes, limit " + std::to_string(packet_size_max_));
  return header;
}

Result<std::optional<Packet>> PacketStream::next_from_input() {
  PAVISE_TRY_ASSIGN(const auto header, checked_header(input_));
  if (!header || input_.size() - header->header_size < header->remaining_bytes) {
    take_into_stash(input_.size());
    return std::optional<Packet>{};
  }
  const ByteView body = input_.subspan(header->header_size, header->remaining_bytes);
  input_ = input_.subspan(header->header_size + header->remaining_bytes);
  PAVISE_TRY_ASSIGN(auto packet, decode(header->first_byte, body));
  return std::optional<Packet>(std::move(packet));
}

Result<std::optional<Packet>> PacketStream::next_from_stash() {
  // The header may be cut in any place: complete it byte by byte, then the body in one piece.
  std::optional<FixedHeader> header;
  for (;;) {
    PAVISE_TRY_ASSIGN(
        header, checked_header(ByteView(stash_).first(std::min(stash_.size(), kFixedHeaderMax))));
    if (header) break;
    if (input_.empty()) return std::optional<Packet>{};
    take_into_stash(1);
  }
  const std::size_t total = header->header_size + header->remaining_bytes;
  take_into_stash(std::min(total - stash_.size(), input_.size()));
  if (stash_.size() < total) return std::optional<Packet>{};
  stash_used_up_ = true;
  PAVISE_TRY_ASSIGN(auto packet,
                    decode(header->first_byte, ByteView(stash_).subspan(header->header_size)));
  return std::optional<Packet>(std::move(packet));
}

void PacketStream::take_into_stash(std::size_t size_bytes) {
  append(stash_, input_.first(size_bytes));
  input_ = input_.subspan(size_bytes);
}

}  // namespace pavise::mqtt
