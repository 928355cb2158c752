// The first byte says how the rest is read: as a query, or as the answer to one. Whatever was
// understood must come back from what is written of it.
#include <algorithm>

#include "common/base/ascii.h"
#include "protocol/dns/dns.h"

namespace {

using namespace pavise;

void read_query(ByteView message) {
  const auto query = dns::Query::parse(message);
  if (!query) return;
  const auto again = dns::Query::parse(dns::encode_query(query->id, query->question));
  PAVISE_CHECK(again && again->question == query->question && again->id == query->id);
  dns::Address address{};
  if (query->question.type == dns::kTypeA) address[10] = address[11] = 0xff;
  const bool asks_address =
      query->question.type == dns::kTypeA || query->question.type == dns::kTypeAaaa;
  const std::vector<dns::Address> addresses(asks_address ? dns::kAddressesMax : 0, address);
  const Bytes reply = dns::encode_reply(*query, dns::Outcome::ok, addresses, 60);
  PAVISE_CHECK(reply.size() <= dns::kDatagramBytesMax);
  // The spelling of the program is in its reply.
  dns::Question spelled = query->question;
  for (std::size_t i = 0; i < spelled.name.size(); ++i)
    if (spelled.name[i] != '.') spelled.name[i] = static_cast<char>(query->asked[i + 1]);
  const auto answer = dns::Answer::parse(reply, query->id, spelled);
  PAVISE_CHECK(answer && answer->addresses == addresses);
}

void read_answer(ByteView message) {
  if (message.size() < 12) return;
  // As if it had been asked for what it says that it answers.
  Bytes asked = to_bytes(message);
  for (const unsigned flags : {2U, 3U, 6U, 7U}) asked[flags] = std::byte{0};
  const auto query = dns::Query::parse(asked);
  const dns::Question question = query ? query->question : dns::Question{"a.example", dns::kTypeA};
  const auto id = static_cast<std::uint16_t>(std::to_integer<unsigned>(message[0]) << 8U |
                                             std::to_integer<unsigned>(message[1]));
  const auto answer = dns::Answer::parse(message, id, question);
  if (!answer) return;
  PAVISE_CHECK(answer->addresses.size() <= dns::kRecordsMax);
  for (const dns::Address& address : answer->addresses)
    PAVISE_CHECK(dns::is_v4(address) == (question.type == dns::kTypeA));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView message = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] % 2 == 0)
    read_query(message);
  else
    read_answer(message);
  return 0;
}
