// Writes every performative with all its fields, and a begin with its handle-max. AMQP lets
// trailing nulls be left out (part 1, 1.4), and qpid-proton does so; but the service that the
// official clients grew up with never does, and azure-eventhub for Python reads fields by their
// place without asking how many have come.
#pragma once

#include <optional>

#include "protocol/amqp/codec/frame.h"

namespace pavise::amqp {

// By how much a transfer grows at most: the nulls of all fields but the handle.
inline constexpr std::uint32_t kFullTransferGrowth = 10;

// What every client takes (part 2, 2.4.1).
inline constexpr std::uint32_t kFrameSizeLeast = 512;

class FullFrames {
 public:
  // Takes what the engine wrote, whole frames or not, and appends what is complete.
  void write(ByteView written, Bytes& out);
  // What the client takes. A frame that would exceed it stays as it was.
  void set_frame_size_max(std::uint32_t size) { frame_size_max_ = size; }

 private:
  std::size_t write_complete(ByteView bytes, Bytes& out);
  void write_frame(ByteView frame, Bytes& out) const;

  Bytes pending_;
  bool began_ = false;  // the protocol header is through
  std::size_t frame_size_max_ = SIZE_MAX;
};

// Where a client's open frame says its max-frame-size in four bytes; nullopt: it does not.
std::optional<std::size_t> find_frame_size_max(ByteView open_frame);

}  // namespace pavise::amqp
