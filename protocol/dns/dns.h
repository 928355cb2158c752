// Questions for addresses and their answers: RFC 1035 and RFC 3596, as far as a resolver between
// apps and a server needs them. Pure; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::dns {

// Errors: PV-DNS-nnn.
inline constexpr ErrorInfo kBadMessage{"PV-DNS-001", Retry::never,
                                       "a message of the name service cannot be read",
                                       "See which program or server sent it."};
inline constexpr ErrorInfo kNotOurs{"PV-DNS-002", Retry::later,
                                    "an answer of the name service is to another question",
                                    "Ask again; if it goes on, somebody forges answers."};

inline constexpr std::size_t kNameMax = 253;  // as text; 255 bytes in a message (2.3.4)
inline constexpr std::size_t kLabelMax = 63;
inline constexpr std::size_t kDatagramBytesMax = 512;  // 4.2.1
inline constexpr std::size_t kMessageBytesMax = 8192;  // over TCP, some 500 addresses
inline constexpr std::size_t kRecordsMax = 512;        // of one answer
inline constexpr std::size_t kAliasesMax = 8;          // one leading to the next
inline constexpr std::size_t kAddressesMax = 8;        // of a reply: it fits a datagram

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeCname = 5;
inline constexpr std::uint16_t kTypeAaaa = 28;

// IPv6, IPv4 ones mapped into ::ffff:0:0/96, bytes in network order.
using Address = std::array<std::uint8_t, 16>;
bool is_v4(const Address& address);  // a mapped one

enum class Outcome : std::uint8_t {
  ok = 0,  // also: the name has no address of this type
  server_failure = 2,
  no_such_name = 3,
  refused = 5,
};

struct Question {
  std::string name;  // labels of letters, digits, '-' and '_' with dots between; "" is the root
  std::uint16_t type = kTypeA;

  bool operator==(const Question&) const = default;
};

// What a program asked.
struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  Question question;  // its name in lower case
  Bytes asked;        // the question as it stood, for the reply: programs compare case

  // kBadMessage, if it is no query with one question of class IN.
  static Result<Query> parse(ByteView message);
};

Bytes encode_query(std::uint16_t id, const Question& question);

// What a server answered.
struct Answer {
  Outcome outcome = Outcome::ok;  // every other failure of the server is server_failure
  bool truncated = false;         // ask over TCP; the rest says nothing
  std::vector<Address> addresses{};
  std::uint32_t lifetime_s = 0;  // of the address or alias that ends first; 0 without addresses

  // `question` as it was sent: another spelling of its name is another question, so random case
  // makes forging harder. Aliases (CNAME) count when they begin at that name and stand in the same
  // answer. kNotOurs, kBadMessage.
  static Result<Answer> parse(ByteView message, std::uint16_t id, const Question& question);
};

// At most kAddressesMax addresses, all of the type that was asked for (checked).
Bytes encode_reply(const Query& query, Outcome outcome, const std::vector<Address>& addresses,
                   std::uint32_t lifetime_s);

}  // namespace pavise::dns
