// Clients, machine and time in any order. Whatever they do, the machine hears only whole requests
// that the rules allow, one at a time.
#include <cstdlib>
#include <map>

#include "samples/modbus_guardian/guardian.h"

using namespace modbus_guardian;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::string_view kRules =
    "version 1\nmachine 192.0.2.10:502\nlisten 1502\nanswer_within_ms 1000\nclient 10.0.0.0/8\n"
    "read unit 1 holding 100-119\nread unit 1 coils 0-15\nidentify unit 1\n";
constexpr std::string_view kGrants =
    "grant a client 10.0.0.0 unit 1 holding 100-103 from 1970-01-01T00:00:00Z "
    "until 1970-01-01T01:00:00Z writes 2\n";

void require(bool holds) {
  if (!holds) std::abort();
}

class House {
 public:
  House() {
    grants_.replace(*Grants::parse(kGrants));
    call();
  }

  // An act, and bytes for it.
  void act(std::uint8_t what, ByteView bytes) {
    const std::uint32_t who = (what >> 3U) % 4;
    switch (what % 8) {
      case 0:
      case 1:
        return client_says(who, bytes);
      case 2:
        return take_answer(who);
      case 3:
        return leave(who);
      case 4:
        return guardian_.machine_said(
            bytes.first(std::min(bytes.size(), guardian_.room_for_machine())), now_);
      case 5:
        return answer(bytes);
      case 6:
        now_.steady_ms += 1LL << (what >> 3U) % 16;
        return guardian_.time_passed(now_);
      default:
        return guardian_.machine_left("lost", now_);
    }
  }
  void settle() {
    if (guardian_.finished_with_machine()) guardian_.machine_left({}, now_);
    call();
    const ByteView bytes = guardian_.for_machine();
    if (bytes.empty()) return;
    FrameBuffer buffer;
    require(buffer.append(bytes) == bytes.size());
    const FrameBuffer::Taken taken = buffer.take();
    require(taken.state == FrameBuffer::State::whole && buffer.empty());
    const auto request = parse_request(taken.frame.unit, taken.frame.pdu);
    require(request && request->unit == 1);
    require(!request->reads || rules_.may_read(1, *request->reads));
    if (request->writes) {
      require((Range{Table::holding, 100, 103}).covers(*request->writes));
      require(++writes_ <= 2);
    }
    transaction_ = taken.frame.transaction;
    guardian_.machine_took(bytes.size());
  }

 private:
  void call() {
    if (!guardian_.wants_machine(now_)) return;
    guardian_.machine_called(now_);
    guardian_.machine_came(now_);
  }
  void client_says(std::uint32_t who, ByteView bytes) {
    if (!clients_.contains(who)) {
      const auto id = guardian_.client_came(0x0a000000 + who, now_);
      if (!id) return;
      clients_[who] = *id;
    }
    const std::size_t room = guardian_.room_for(clients_[who]);
    guardian_.client_said(clients_[who], bytes.first(std::min(bytes.size(), room)), now_);
  }
  void take_answer(std::uint32_t who) {
    if (!clients_.contains(who)) return;
    const ByteView bytes = guardian_.for_client(clients_[who]);
    require(bytes.size() <= kFrameBytesMax);
    guardian_.client_took(clients_[who], bytes.size(), now_);
    if (guardian_.finished_with(clients_[who])) leave(who);
  }
  void leave(std::uint32_t who) {
    if (!clients_.contains(who)) return;
    guardian_.client_left(clients_[who]);
    clients_.erase(who);
  }
  void answer(ByteView bytes) {
    if (bytes.empty() || bytes.size() > kPduBytesMax) return;
    const Frame frame{
        .transaction = transaction_, .unit = 1, .pdu = Bytes(bytes.begin(), bytes.end())};
    const Bytes whole = encode(frame);
    if (whole.size() <= guardian_.room_for_machine()) guardian_.machine_said(whole, now_);
  }

  Now now_{.steady_ms = 1, .unix_s = 1000};
  const Rules rules_ = *Rules::parse(kRules);
  Record record_{[](const std::string&) {}};
  Grants grants_{[](const std::string&) { return true; }};
  Guardian guardian_{rules_, grants_, record_};
  std::map<std::uint32_t, Guardian::ClientId> clients_;
  std::uint16_t transaction_ = 0;
  int writes_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  House house;
  house.settle();
  ByteView input(data, size);
  while (input.size() >= 2) {
    const std::uint8_t what = input[0];
    const std::size_t count = std::min<std::size_t>(input[1], input.size() - 2);
    house.act(what, input.subspan(2, count));
    house.settle();
    input = input.subspan(2 + count);
  }
  return 0;
}
