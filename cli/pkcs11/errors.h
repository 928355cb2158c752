// Failures of keys that live in a PKCS#11 token.
#pragma once

#include "common/base/result.h"

namespace pavise::cli::pkcs11 {

inline constexpr ErrorInfo kBadUri{
    "PV-TOK-001", Retry::never, "the name of the key in a token cannot be used",
    "Write it as pkcs11:token=NAME;object=NAME (RFC 7512), in quotes."};
inline constexpr ErrorInfo kPinInUri{
    "PV-TOK-002", Retry::never, "a PIN on the command line can be read by others",
    "Remove pin-value (and change that PIN); use pin-source=file:PATH, PAVISE_PIN or the prompt."};
inline constexpr ErrorInfo kNoModule{
    "PV-TOK-003", Retry::needs_operator, "the token's PKCS#11 module cannot be used",
    "Install it, or name it: pkcs11:...?module-path=/path/to/module.so."};
inline constexpr ErrorInfo kNoToken{
    "PV-TOK-004", Retry::needs_operator, "no token is there that the name means",
    "Plug it in; see the names: pkcs11-tool --module MODULE --list-token-slots."};
inline constexpr ErrorInfo kSeveralTokens{"PV-TOK-005", Retry::never,
                                          "the name means more than one token",
                                          "Add token=NAME or serial=NUMBER, so that it means one."};
inline constexpr ErrorInfo kNoKey{"PV-TOK-006", Retry::needs_operator,
                                  "the token lacks the key, or one half of it",
                                  "See its objects: pkcs11-tool --module MODULE --login "
                                  "--list-objects; both halves need one id."};
inline constexpr ErrorInfo kSeveralKeys{"PV-TOK-007", Retry::never,
                                        "the name means more than one key",
                                        "Add object=NAME or id=%01, so that it means one."};
inline constexpr ErrorInfo kOtherKind{
    "PV-TOK-008", Retry::never, "the key in the token is not for ECDSA on P-256",
    "Make one: pkcs11-tool --module MODULE --login --keypairgen --key-type EC:prime256v1."};
inline constexpr ErrorInfo kNoPin{
    "PV-TOK-009", Retry::never, "the token needs a PIN and none was given",
    "Type it at the prompt, or use pin-source=file:PATH in the name, or PAVISE_PIN."};
inline constexpr ErrorInfo kPinOpenToOthers{"PV-TOK-010", Retry::never,
                                            "others may read the file with the PIN",
                                            "Make it yours alone: chmod 600 FILE."};
inline constexpr ErrorInfo kWrongPin{
    "PV-TOK-011", Retry::never, "the token refused the PIN",
    "Check it before you try again: it was tried once, and tokens lock themselves after a few."};
inline constexpr ErrorInfo kPinLocked{
    "PV-TOK-012", Retry::needs_operator, "the token has locked its PIN",
    "Set a new one with the token's security officer PIN (pkcs11-tool --init-pin)."};
inline constexpr ErrorInfo kLastTry{
    "PV-TOK-013", Retry::needs_operator,
    "one more wrong PIN would lock the token, so none was tried",
    "Log in once with the token's own tool (pkcs11-tool --login --test), which resets the count."};
inline constexpr ErrorInfo kTokenGone{"PV-TOK-014", Retry::later,
                                      "the token went away before it had signed",
                                      "Plug it in and build again; nothing was written."};
inline constexpr ErrorInfo kTokenFailed{"PV-TOK-015", Retry::needs_operator,
                                        "the token or its module failed",
                                        "See the detail, and try the token with pkcs11-tool."};
inline constexpr ErrorInfo kNotItsPair{
    "PV-TOK-016", Retry::needs_operator,
    "what the token signed does not verify with its public key",
    "Give private and public half of one key the same id, and no other key that id."};

}  // namespace pavise::cli::pkcs11
