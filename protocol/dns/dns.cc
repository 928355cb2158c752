#include "protocol/dns/dns.h"

#include <algorithm>
#include <optional>

#include "common/base/ascii.h"

namespace pavise::dns {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::uint16_t kClassIn = 1;
constexpr unsigned kPointer = 0xc0;                    // the two upper bits of a length
constexpr std::uint16_t kPointerToQuestion = 0xc00cU;  // the name behind the header
constexpr std::uint16_t kResponse = 0x8000;            // bits of the header's flags, 4.1.1
constexpr std::uint16_t kOpcode = 0x7800;              // 0: a question
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kOutcome = 0x000f;
constexpr std::uint32_t kLifetimeSign = 0x8000'0000U;  // set: counts as 0 (RFC 2181, 8)
constexpr std::array<std::uint8_t, 12> kMappedV4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_name_character(char c) {
  const char low = ascii_lower(c);
  return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// A message and the place up to which it was read. The first failure stays.
class Reader {
 public:
  explicit Reader(ByteView message) : message_(message) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }

  std::uint16_t number() {
    const ByteView raw = take(2);
    return ok_ ? static_cast<std::uint16_t>(byte(raw[0]) << 8U | byte(raw[1])) : std::uint16_t{0};
  }
  ByteView take(std::size_t size_bytes) {
    if (!ok_ || size_bytes > message_.size() - at_) return fail();
    at_ += size_bytes;
    return message_.subspan(at_ - size_bytes, size_bytes);
  }
  // As it is spelled. A pointer leads before the piece of the name that it ends, so there is an
  // end.
  std::string name() {
    std::string out;
    std::size_t piece = at_;
    std::size_t place = at_;
    bool elsewhere = false;
    while (ok_ && place < message_.size()) {
      const unsigned length = byte(message_[place++]);
      if (length >= kPointer) {
        if (place == message_.size()) break;
        const std::size_t target = (length - kPointer) << 8U | byte(message_[place++]);
        if (!elsewhere) at_ = place;
        elsewhere = true;
        if (target >= piece) break;
        piece = place = target;
        continue;
      }
      if (length == 0) {
        if (!elsewhere) at_ = place;
        return out;
      }
      if (length > kLabelMax || length > message_.size() - place) break;
      if (!out.empty()) out += '.';
      out += as_text(message_.subspan(place, length));
      place += length;
      if (out.size() > kNameMax || !std::all_of(out.end() - length, out.end(), is_name_character))
        break;
    }
    fail();
    return {};
  }

 private:
  static unsigned byte(std::byte from) { return std::to_integer<unsigned>(from); }
  ByteView fail() {
    ok_ = false;
    return {};
  }

  ByteView message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

struct Header {
  std::uint16_t id;
  std::uint16_t flags;
  std::uint16_t questions;
  std::uint16_t answers;
};

Header read_header(Reader& reader) {
  Header out{};
  for (std::uint16_t* field : {&out.id, &out.flags, &out.questions, &out.answers})
    *field = reader.number();
  reader.take(4);  // numbers of sections that nobody reads
  return out;
}

// Of class IN, or else unreadable.
std::optional<Question> read_question(Reader& reader) {
  Question out;
  out.name = reader.name();
  out.type = reader.number();
  if (reader.number() != kClassIn || !reader.ok()) return std::nullopt;
  return out;
}

struct Record {
  std::string owner{};
  std::uint16_t type = 0;  // 0: nothing that an answer is made of
  std::uint32_t lifetime_s = 0;
  Address address{};
  std::string alias{};
};

// nullopt: unreadable.
std::optional<Record> read_record(Reader& reader) {
  Record out;
  out.owner = ascii_lowered(reader.name());
  const std::uint16_t type = reader.number();
  const std::uint16_t of_class = reader.number();
  const std::uint32_t lifetime = std::uint32_t{reader.number()} << 16U | reader.number();
  out.lifetime_s = (lifetime & kLifetimeSign) != 0 ? 0 : lifetime;
  const std::size_t size = reader.number();
  const std::size_t begin = reader.at();
  if (of_class == kClassIn && type == kTypeCname) {
    out.alias = ascii_lowered(reader.name());
    if (reader.at() != begin + size) return std::nullopt;
    out.type = type;
    return reader.ok() ? std::optional(std::move(out)) : std::nullopt;
  }
  const ByteView data = reader.take(size);
  if (!reader.ok()) return std::nullopt;
  if (of_class != kClassIn || (type != kTypeA && type != kTypeAaaa)) return out;
  if (size != (type == kTypeA ? 4U : 16U)) return std::nullopt;
  std::ranges::copy(kMappedV4, out.address.begin());
  std::transform(data.begin(), data.end(), out.address.end() - static_cast<std::ptrdiff_t>(size),
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  // An IPv4 address in the disguise of the other kind means something else to who connects to it.
  if (is_v4(out.address) == (type == kTypeA)) out.type = type;
  return out;
}

// From the name that was asked for along its aliases to addresses.
Status follow(const std::vector<Record>& records, const Question& question, Answer& out) {
  std::string name = ascii_lowered(question.name);
  std::uint32_t lifetime = ~kLifetimeSign;
  for (std::size_t aliases = 0;; ++aliases) {
    const auto alias = std::ranges::find_if(records, [&name](const Record& record) {
      return record.type == kTypeCname && record.owner == name;
    });
    if (alias == records.end()) break;
    if (aliases == kAliasesMax) return Error(kBadMessage, "more aliases than are followed");
    name = alias->alias;
    lifetime = std::min(lifetime, alias->lifetime_s);
  }
  for (const Record& record : records) {
    if (record.type != question.type || record.owner != name) continue;
    out.addresses.push_back(record.address);
    lifetime = std::min(lifetime, record.lifetime_s);
  }
  out.lifetime_s = out.addresses.empty() ? 0 : lifetime;
  return {};
}

Outcome outcome_of(std::uint16_t flags) {
  const auto code = static_cast<Outcome>(flags & kOutcome);
  return code == Outcome::ok || code == Outcome::no_such_name ? code : Outcome::server_failure;
}

void write_header(ByteWriter& out, const Header& header) {
  for (const std::uint16_t field : {header.id, header.flags, header.questions, header.answers,
                                    std::uint16_t{0}, std::uint16_t{0}})
    out.be(field);
}

}  // namespace

bool is_v4(const Address& address) {
  return std::equal(kMappedV4.begin(), kMappedV4.end(), address.begin());
}

Result<Query> Query::parse(ByteView message) {
  if (message.size() > kMessageBytesMax) return Error(kBadMessage, "size");
  Reader reader(message);
  const Header header = read_header(reader);
  auto question = read_question(reader);
  if (!question || (header.flags & (kResponse | kOpcode)) != 0 || header.questions != 1 ||
      header.answers != 0)
    return Error(kBadMessage, "no question for a name");
  const std::size_t name_bytes = question->name.empty() ? 1 : question->name.size() + 2;
  if (reader.at() != kHeaderBytes + name_bytes + 4) return Error(kBadMessage, "a pointer");
  question->name = ascii_lowered(question->name);
  return Query{.id = header.id,
               .recursion_desired = (header.flags & kRecursionDesired) != 0,
               .question = *std::move(question),
               .asked = to_bytes(message.subspan(kHeaderBytes, reader.at() - kHeaderBytes))};
}

Bytes encode_query(std::uint16_t id, const Question& question) {
  ByteWriter out;
  write_header(out, {id, kRecursionDesired, 1, 0});
  const std::string_view name = question.name;
  PAVISE_CHECK(name.size() <= kNameMax);
  for (std::size_t at = 0; at < name.size();) {
    const std::string_view label = name.substr(at, name.find('.', at) - at);
    PAVISE_CHECK(!label.empty() && label.size() <= kLabelMax);
    out.sized<std::uint8_t>(as_bytes(label));
    at += label.size() + 1;
  }
  out.be(std::uint8_t{0}).be(question.type).be(kClassIn);
  return out.take();
}

Result<Answer> Answer::parse(ByteView message, std::uint16_t id, const Question& question) {
  if (message.size() > kMessageBytesMax) return Error(kBadMessage, "size");
  Reader reader(message);
  const Header header = read_header(reader);
  if (!reader.ok() || header.id != id || (header.flags & kResponse) == 0 ||
      (header.flags & kOpcode) != 0 || header.questions != 1 || read_question(reader) != question)
    return Error(kNotOurs);
  Answer out{.outcome = outcome_of(header.flags), .truncated = (header.flags & kTruncated) != 0};
  if (out.truncated || out.outcome != Outcome::ok) return out;
  if (header.answers > kRecordsMax) return Error(kBadMessage, "number of records");
  std::vector<Record> records;
  for (std::size_t i = 0; i < header.answers; ++i) {
    auto record = read_record(reader);
    if (!record) return Error(kBadMessage, "record " + std::to_string(i));
    if (record->type != 0) records.push_back(*std::move(record));
  }
  PAVISE_TRY(follow(records, question, out));
  return out;
}

Bytes encode_reply(const Query& query, Outcome outcome, const std::vector<Address>& addresses,
                   std::uint32_t lifetime_s) {
  PAVISE_CHECK(addresses.size() <= kAddressesMax);
  ByteWriter out;
  const auto flags = static_cast<std::uint16_t>(kResponse | kRecursionAvailable |
                                                (query.recursion_desired ? kRecursionDesired : 0U) |
                                                static_cast<unsigned>(outcome));
  write_header(out, {query.id, flags, 1, static_cast<std::uint16_t>(addresses.size())});
  out.raw(query.asked);
  const std::uint16_t size = query.question.type == kTypeA ? 4 : 16;
  for (const Address& address : addresses) {
    PAVISE_CHECK(is_v4(address) == (query.question.type == kTypeA));
    out.be(kPointerToQuestion).be(query.question.type).be(kClassIn).be(lifetime_s);
    out.sized<std::uint16_t>(std::as_bytes(std::span(address)).last(size));
  }
  return out.take();
}

}  // namespace pavise::dns
