// First byte picks the parser; what parses must print or make the same again.
#include <array>

#include "protocol/sas/connection_string.h"
#include "protocol/sas/key.h"
#include "protocol/sas/token.h"

namespace {

using namespace pavise;

void fuzz_token(std::string_view text) {
  const auto token = sas::Token::parse(text);
  if (!token) return;
  constexpr std::array<std::string_view, 3> kTarget = {"h.example.net", "devices", "dev"};
  // What is covered is never longer than what it covers, give or take a scheme and escapes.
  if (token->check_audience(kTarget))
    PAVISE_CHECK(token->audience().find("..") == std::string::npos &&
                 token->audience().size() <= std::string_view("amqps://").size() + 25);
  const SecretBytes key(Bytes(32, std::byte{7}));
  const auto again = sas::Token::parse(sas::make_token(
      token->audience(), key.view(), token->expiry(), token->policy().value_or("")));
  if (!again) return;  // escapes make it longer
  PAVISE_CHECK(again->check_signature({}, key.view(), sas::KeyForm::decoded).has_value());
  PAVISE_CHECK(again->audience() == token->audience() && again->policy() == token->policy());
}

void fuzz_connection_string(std::string_view text) {
  const auto parsed = sas::ConnectionString::parse(text);
  if (!parsed) return;
  const auto printed = parsed->print();
  PAVISE_CHECK(printed.has_value());  // a ';' cannot come out of a parsed value
  const auto again = sas::ConnectionString::parse(as_text(printed->view()));
  if (!again) return;  // canonical names may be longer than the limit allows
  PAVISE_CHECK(again->host == parsed->host && equal(again->key.view(), parsed->key.view()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text(std::as_bytes(std::span(data + 1, size - 1)));
  switch (data[0] % 3) {
    case 0:
      fuzz_token(text);
      break;
    case 1:
      fuzz_connection_string(text);
      break;
    default:
      (void)sas::parse_key(text);
      break;
  }
  return 0;
}
