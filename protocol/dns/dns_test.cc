#include "protocol/dns/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace pavise::dns {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint16_t kId = 0x1234;

Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

// Writes messages that encode_query() would never write.
class Message {
 public:
  Message(std::uint16_t flags, std::uint16_t questions, std::uint16_t answers) {
    for (const std::uint16_t field :
         {kId, flags, questions, answers, std::uint16_t{0}, std::uint16_t{0}})
      out_.be(field);
  }
  // Labels with dots between, without an end.
  Message& labels(std::string_view text) {
    while (!text.empty()) {
      const std::string_view label = text.substr(0, text.find('.'));
      out_.sized<std::uint8_t>(as_bytes(label));
      text.remove_prefix(std::min(text.size(), label.size() + 1));
    }
    return *this;
  }
  Message& name(std::string_view text) { return labels(text).byte(0); }
  Message& byte(std::uint8_t value) {
    out_.be(value);
    return *this;
  }
  Message& numbers(std::initializer_list<std::uint16_t> values) {
    for (const std::uint16_t value : values) out_.be(value);
    return *this;
  }
  Message& question(std::string_view text, std::uint16_t type = kTypeA) {
    return name(text).numbers({type, 1});
  }
  Message& address(std::string_view owner, const Address& at, std::uint32_t lifetime_s = 60) {
    name(owner).numbers({kTypeA, 1});
    out_.be(lifetime_s);
    out_.sized<std::uint16_t>(std::as_bytes(std::span(at)).last(4));
    return *this;
  }
  Message& alias(std::string_view owner, std::string_view target, std::uint32_t lifetime_s = 60) {
    name(owner).numbers({kTypeCname, 1});
    out_.be(lifetime_s).be(static_cast<std::uint16_t>(target.size() + 2));
    return name(target);
  }
  const Bytes& bytes() const { return out_.bytes(); }

 private:
  ByteWriter out_;
};

Message answer(std::uint16_t answers, std::uint16_t flags = 0x8180) {
  Message out(flags, 1, answers);
  out.question("hub.example.com");
  return out;
}

Result<Answer> read(const Message& message) {
  return Answer::parse(message.bytes(), kId, {"hub.example.com", kTypeA});
}

TEST(Dns, AQueryIsReadAsItWasWritten) {
  const Question question{"hub.example.com", kTypeAaaa};
  const auto query = Query::parse(encode_query(kId, question));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, kId);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_EQ(query->question, question);
}

// A message of the GNU C library for www.example.com, as a capture has it.
TEST(Dns, ReadsWhatACLibraryAsks) {
  const auto query =
      Query::parse(*from_hex("a1b20100000100000000000003777777076578616d706c6503636f6d0000010001"));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->question, (Question{"www.example.com", kTypeA}));
  // And one with EDNS, as dig and others send it.
  EXPECT_TRUE(Query::parse(*from_hex(
      "a1b20120000100000000000103777777076578616d706c6503636f6d00001c00010000291000000000000000")));
}

TEST(Dns, TheReplyHasTheProgramsSpelling) {
  const auto query = Query::parse(Message(0x0100, 1, 0).question("HuB.Example.com").bytes());
  ASSERT_TRUE(query);
  EXPECT_EQ(query->question.name, "hub.example.com");
  const Bytes reply = encode_reply(*query, Outcome::ok, {v4(192, 0, 2, 1), v4(192, 0, 2, 2)}, 30);
  const auto read_back = Answer::parse(reply, kId, {"HuB.Example.com", kTypeA});
  ASSERT_TRUE(read_back) << read_back.error().message();
  EXPECT_THAT(read_back->addresses, ElementsAre(v4(192, 0, 2, 1), v4(192, 0, 2, 2)));
  EXPECT_EQ(read_back->lifetime_s, 30U);
  const Bytes refusal = encode_reply(*query, Outcome::refused, {}, 0);
  EXPECT_EQ(refusal[3], std::byte{0x85});
}

TEST(Dns, NamesHaveTheirLengths) {
  const std::string label(kLabelMax, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), kNameMax);
  const auto query = Query::parse(encode_query(kId, {longest, kTypeAaaa}));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->question.name, longest);
  const std::vector<Address> most(kAddressesMax, Address{0x20, 1});
  EXPECT_LE(encode_reply(*query, Outcome::ok, most, 60).size(), kDatagramBytesMax);
  EXPECT_FALSE(Query::parse(Message(0x0100, 1, 0).question(longest + "b").bytes()));
  EXPECT_FALSE(Query::parse(Message(0x0100, 1, 0).question(label + "a.com").bytes()));
  EXPECT_TRUE(Query::parse(Message(0x0100, 1, 0).question("").bytes()));
}

// "evil" + "example.com" must not become a name below example.com by a dot inside a label.
TEST(Dns, LabelsHoldNothingThatLooksLikeADot) {
  for (const char character : {'.', ' ', '\0', '/', '*', '\\', '\xff', '@'}) {
    const std::string label = std::string("evil") + character + "x";
    Message message(0x0100, 1, 0);
    message.byte(static_cast<std::uint8_t>(label.size()));
    for (const char c : label) message.byte(static_cast<std::uint8_t>(c));
    EXPECT_FALSE(Query::parse(message.name("com").numbers({kTypeA, 1}).bytes()))
        << static_cast<int>(character);
  }
}

TEST(Dns, OnlyQuestionsAreQuestions) {
  EXPECT_FALSE(Query::parse({}));
  EXPECT_FALSE(Query::parse(Message(0x8100, 1, 0).question("a.example").bytes()));  // an answer
  EXPECT_FALSE(Query::parse(Message(0x2900, 1, 0).question("a.example").bytes()));  // an update
  EXPECT_FALSE(Query::parse(Message(0x0100, 0, 0).question("a.example").bytes()));
  EXPECT_FALSE(Query::parse(Message(0x0100, 2, 0).question("a.example").bytes()));
  EXPECT_FALSE(Query::parse(Message(0x0100, 1, 1).question("a.example").bytes()));
  EXPECT_FALSE(Query::parse(Message(0x0100, 1, 0).name("a.example").numbers({1, 3}).bytes()));
  EXPECT_FALSE(Query::parse(Message(0x0100, 1, 0).name("a.example").numbers({1}).bytes()));
  EXPECT_FALSE(Query::parse(Bytes(kMessageBytesMax + 1)));
}

TEST(Dns, APointerInAQuestionIsRefused) {
  // Into the header, at a byte that is zero: the root.
  EXPECT_FALSE(Query::parse(Message(0x0100, 1, 0).numbers({0xc004, kTypeA, 1}).bytes()));
  EXPECT_FALSE(
      Query::parse(Message(0x0100, 1, 0).labels("a").numbers({0xc004, kTypeA, 1}).bytes()));
}

TEST(Dns, AddressesAreThoseOfTheName) {
  const auto read_answer = read(answer(3)
                                    .address("hub.example.com", v4(192, 0, 2, 1), 300)
                                    .address("neighbour.example.com", v4(192, 0, 2, 9))
                                    .address("HUB.example.com", v4(192, 0, 2, 2), 60));
  ASSERT_TRUE(read_answer) << read_answer.error().message();
  EXPECT_THAT(read_answer->addresses, ElementsAre(v4(192, 0, 2, 1), v4(192, 0, 2, 2)));
  EXPECT_EQ(read_answer->lifetime_s, 60U);
}

TEST(Dns, AliasesLeadToAddressesInAnyOrder) {
  const auto read_answer = read(answer(4)
                                    .address("edge.cdn.example", v4(192, 0, 2, 1), 300)
                                    .alias("a.example.net", "Edge.CDN.example", 20)
                                    .alias("hub.example.com", "a.example.net", 600)
                                    .address("hub.example.com", v4(192, 0, 2, 9)));
  ASSERT_TRUE(read_answer);
  EXPECT_THAT(read_answer->addresses, ElementsAre(v4(192, 0, 2, 1)));
  EXPECT_EQ(read_answer->lifetime_s, 20U);
}

TEST(Dns, AliasesHaveTheirNumberAndNoLoop) {
  const auto chain = [](std::size_t links) {
    Message out = answer(static_cast<std::uint16_t>(links + 1));
    std::string from = "hub.example.com";
    for (std::size_t i = 0; i < links; ++i) {
      const std::string to = "a" + std::to_string(i) + ".example";
      out.alias(from, to);
      from = to;
    }
    return out.address(from, v4(192, 0, 2, 1));
  };
  EXPECT_THAT(read(chain(kAliasesMax))->addresses, SizeIs(1));
  EXPECT_TRUE(read(chain(kAliasesMax + 1)).error().is(kBadMessage));
  const auto loop = read(answer(2)
                             .alias("hub.example.com", "b.example.com")
                             .alias("b.example.com", "hub.example.com"));
  EXPECT_TRUE(loop.error().is(kBadMessage));
  EXPECT_TRUE(read(answer(1).alias("hub.example.com", "hub.example.com")).error().is(kBadMessage));
}

TEST(Dns, WhatWasNotAskedIsNotOurs) {
  const Message good = answer(1).address("hub.example.com", v4(192, 0, 2, 1));
  const Question question{"hub.example.com", kTypeA};
  EXPECT_TRUE(Answer::parse(good.bytes(), kId, question));
  EXPECT_TRUE(Answer::parse(good.bytes(), kId + 1, question).error().is(kNotOurs));
  EXPECT_TRUE(
      Answer::parse(good.bytes(), kId, {"hub.example.com", kTypeAaaa}).error().is(kNotOurs));
  EXPECT_TRUE(Answer::parse(good.bytes(), kId, {"hub.example.org", kTypeA}).error().is(kNotOurs));
  // The spelling is part of what has to be guessed.
  EXPECT_TRUE(Answer::parse(good.bytes(), kId, {"hUb.example.com", kTypeA}).error().is(kNotOurs));
  EXPECT_TRUE(read(answer(0, 0x0180)).error().is(kNotOurs));  // no answer at all
  EXPECT_TRUE(read(answer(0, 0xa980)).error().is(kNotOurs));  // to an update
  EXPECT_TRUE(Answer::parse(Message(0x8180, 0, 0).bytes(), kId, question).error().is(kNotOurs));
  EXPECT_TRUE(Answer::parse({}, kId, question).error().is(kNotOurs));
}

TEST(Dns, OutcomesOfAServer) {
  EXPECT_EQ(read(answer(0))->outcome, Outcome::ok);
  EXPECT_EQ(read(answer(0))->lifetime_s, 0U);
  EXPECT_EQ(read(answer(0, 0x8183))->outcome, Outcome::no_such_name);
  for (const unsigned code : {1U, 2U, 4U, 5U, 9U, 15U})
    EXPECT_EQ(read(answer(0, static_cast<std::uint16_t>(0x8180 | code)))->outcome,
              Outcome::server_failure);
  const auto cut = read(answer(1, 0x8380).address("hub.example.com", v4(192, 0, 2, 1)));
  EXPECT_TRUE(cut->truncated);
  EXPECT_THAT(cut->addresses, IsEmpty());
}

TEST(Dns, LifetimesWithTheSignAreZero) {
  EXPECT_EQ(read(answer(1).address("hub.example.com", v4(192, 0, 2, 1), 0x8000'0000))->lifetime_s,
            0U);
  EXPECT_EQ(read(answer(1).address("hub.example.com", v4(192, 0, 2, 1), 0x7fff'ffff))->lifetime_s,
            0x7fff'ffffU);
}

TEST(Dns, PointersLeadBackwardsOnly) {
  const auto with = [](std::initializer_list<std::uint16_t> pointer) {
    // The record begins at byte 33; a pointer there, then an address.
    return read(answer(1).numbers(pointer).numbers({kTypeA, 1, 0, 60, 4, 0xc000, 0x0201}));
  };
  EXPECT_THAT(with({0xc00c})->addresses, ElementsAre(v4(192, 0, 2, 1)));
  EXPECT_TRUE(with({0xc021}).error().is(kBadMessage));  // to itself
  EXPECT_TRUE(with({0xc023}).error().is(kBadMessage));  // forwards
  EXPECT_TRUE(with({0xffff}).error().is(kBadMessage));  // behind the end
  // A label, and a pointer to that label: would grow for ever.
  EXPECT_TRUE(read(answer(1).labels("a").numbers({0xc021, kTypeA, 1, 0, 60, 4, 0, 0}))
                  .error()
                  .is(kBadMessage));
  // Two that lead to each other: the second one is behind the first.
  EXPECT_TRUE(
      read(answer(2).numbers({0xc02d, kTypeA, 1, 0, 60, 0}).numbers({0xc021, kTypeA, 1, 0, 60, 0}))
          .error()
          .is(kBadMessage));
  EXPECT_TRUE(read(answer(1).byte(0xc0)).error().is(kBadMessage));
  EXPECT_TRUE(read(answer(1).byte(0x40).byte(0)).error().is(kBadMessage));
}

TEST(Dns, RecordsHaveTheSizesOfTheirTypes) {
  const auto with = [](std::uint16_t type, std::uint16_t size, std::uint16_t of_class = 1) {
    Message out = answer(1);
    out.numbers({0xc00c, type, of_class, 0, 60, size});
    for (std::uint16_t i = 0; i < size; ++i) out.byte(1);
    return read(out);
  };
  EXPECT_THAT(with(kTypeA, 4)->addresses, SizeIs(1));
  EXPECT_TRUE(with(kTypeA, 3).error().is(kBadMessage));
  EXPECT_TRUE(with(kTypeA, 5).error().is(kBadMessage));
  EXPECT_TRUE(with(kTypeAaaa, 4).error().is(kBadMessage));
  EXPECT_THAT(with(kTypeAaaa, 16)->addresses, IsEmpty());  // asked for the other type
  EXPECT_THAT(with(46, 40)->addresses, IsEmpty());         // a signature, passed over
  EXPECT_THAT(with(kTypeA, 4, 3)->addresses, IsEmpty());   // another class
  EXPECT_TRUE(with(kTypeCname, 4).error().is(kBadMessage));
  EXPECT_TRUE(read(answer(1).numbers({0xc00c, kTypeA, 1, 0, 60, 4, 0})).error().is(kBadMessage));
  EXPECT_TRUE(read(answer(1)).error().is(kBadMessage));
}

TEST(Dns, AMappedAddressIsNoAddressOfTheOtherKind) {
  Message message(0x8180, 1, 1);
  message.question("hub.example.com", kTypeAaaa).numbers({0xc00c, kTypeAaaa, 1, 0, 60, 16});
  for (const std::uint8_t byte : v4(127, 0, 0, 1)) message.byte(byte);
  const auto read_answer = Answer::parse(message.bytes(), kId, {"hub.example.com", kTypeAaaa});
  ASSERT_TRUE(read_answer);
  EXPECT_THAT(read_answer->addresses, IsEmpty());
}

TEST(Dns, AnswersHaveTheirNumbers) {
  const auto with = [](std::size_t records, std::string_view owner_pointer_record) {
    Message out = answer(static_cast<std::uint16_t>(records));
    for (std::size_t i = 0; i < records; ++i)
      for (const char c : owner_pointer_record) out.byte(static_cast<std::uint8_t>(c));
    return out;
  };
  // Records without data of some type.
  constexpr std::string_view kShort("\0\0\x63\0\x01\0\0\0\0\0\0", 11);
  EXPECT_TRUE(read(with(kRecordsMax, kShort)));
  EXPECT_TRUE(read(with(kRecordsMax + 1, kShort)).error().is(kBadMessage));
  constexpr std::string_view kAddress("\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01", 16);
  EXPECT_THAT(read(with(300, kAddress))->addresses, SizeIs(300));
  Message longest = answer(0);
  while (longest.bytes().size() < kMessageBytesMax) longest.byte(0);
  EXPECT_TRUE(read(longest));
  EXPECT_TRUE(read(longest.byte(0)).error().is(kBadMessage));
}

}  // namespace
}  // namespace pavise::dns
