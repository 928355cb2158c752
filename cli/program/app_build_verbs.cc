// app build, app key create
#include <boost/json.hpp>

#include "cli/app/build.h"
#include "cli/app/owner_key.h"
#include "cli/program/app_signing.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

struct BuildArguments {
  std::string folder = ".";
  std::string key, tenant, binary, sbom, out, sdk;
  bool debug = false;
  std::string gdbserver = "/usr/bin/gdbserver";
};
struct KeyArguments {
  std::string name;
};

std::optional<std::filesystem::path> path_of(const std::string& given) {
  if (given.empty()) return std::nullopt;
  return given;
}

Exit build(Session& session, const BuildArguments& a) {
  const auto signing = find_app_signing(session, a.key, a.tenant);
  if (!signing) return session.exit();
  const auto built =
      app::build_package({.folder = a.folder,
                          .key = signing->key,
                          .tenant = signing->tenant,
                          .binary = path_of(a.binary),
                          .sbom = path_of(a.sbom),
                          .out = path_of(a.out),
                          .sdk = path_of(a.sdk),
                          .gdbserver = a.debug ? path_of(a.gdbserver) : std::nullopt});
  if (!built) return session.fail(built.error());
  const image::Header& header = built->header;
  const std::string digest = to_hex(crypto::sha256(header.signed_bytes()));
  if (session.json()) {
    session.print(json::serialize(json::object{{"package", built->package.string()},
                                               {"sbom", built->sbom.string()},
                                               {"bytes", header.package_bytes()},
                                               {"name", built->manifest.name},
                                               {"component_id", header.component_id.text()},
                                               {"version", header.version.text()},
                                               {"security_epoch", header.security_epoch},
                                               {"tenant", header.tenant.text()},
                                               {"owner_key", to_hex(header.owner_key_id)},
                                               {"signed_digest", digest},
                                               {"same_signature", built->same_signature}}) +
                  "\n");
    return Exit::ok;
  }
  Facts facts;
  facts.add("package", built->package.string());
  facts.add("app", built->manifest.name + " " + header.version.text());
  facts.add("size", std::to_string(header.package_bytes()) + " bytes");
  facts.add("bill of materials", built->sbom.string());
  facts.add("signed digest", digest);
  facts.add("signature", built->same_signature ? "kept: nothing has changed" : "new");
  session.print(facts.text(session.colour()));
  return Exit::ok;
}

Exit create_key(Session& session, const KeyArguments& a) {
  if (pkcs11::is_key_uri(a.name))
    return session.fail(
        Error(kBadArgument,
              "a key in a token is made there: pkcs11-tool --keypairgen (pavise app key "
              "show then reads its public half)"));
  const auto key = app::create_owner_key(a.name);
  if (!key) return session.fail(key.error());
  const std::string id = to_hex(image::key_id(*key));
  if (session.json()) {
    session.print(json::serialize(
                      json::object{{"key", a.name}, {"public_key", a.name + ".pub"}, {"id", id}}) +
                  "\n");
    return Exit::ok;
  }
  Facts facts;
  facts.add("key", a.name);
  facts.add("public key", a.name + ".pub");
  facts.add("id", id);
  session.print(facts.text(session.colour()));
  session.note("Keep a copy of the key where nobody else reaches it: devices trust it alone.\n");
  return Exit::ok;
}

// Of a key, or of the file that is the public half already.
Result<crypto::P256PublicKey> public_half(const std::string& name) {
  const auto key = app::OwnerKey::open(name);
  if (key) return key->public_key();
  if (!key.error().is(app::kKeyOpenToOthers)) return key.error();
  auto half = app::read_public_key(name);
  return half ? std::move(half) : Result<crypto::P256PublicKey>(key.error());
}

Exit show_key(Session& session, const KeyArguments& a) {
  const auto key = public_half(a.name);
  if (!key) return session.fail(key.error());
  const std::string id = to_hex(image::key_id(*key));
  if (session.json()) {
    session.print(
        json::serialize(json::object{{"key", a.name}, {"public_key_pem", key->pem()}, {"id", id}}) +
        "\n");
    return Exit::ok;
  }
  session.print(key->pem());  // alone, so that it can go into a file
  session.note("id: " + id + "\n");
  return Exit::ok;
}

}  // namespace

void add_app_build_verb(CLI::App& app, Action& run) {
  auto a = std::make_shared<BuildArguments>();
  CLI::App* verb = add_verb(
      app, "build", "pack an app and sign it",
      "  pavise app build blink\n"
      "  pavise app build blink --key owner.pem --tenant home\n"
      "  pavise app build . --binary build/blink --key owner.pem --tenant home --out "
      "blink.pvimage\n"
      "\n"
      "DIR holds app_manifest.json and root/, the files of the image. The program, if it is not in "
      "root/,\n"
      "is the one of --binary, or is built by CMake from DIR/CMakeLists.txt (pavise app new): that "
      "runs\n"
      "what DIR's author wrote. The package and its bill of materials (CycloneDX) go beside the "
      "manifest.\n"
      "Twice the same gives the same bytes.\n"
      "\n"
      "A key in a PKCS#11 token: --key 'pkcs11:token=NAME;object=NAME'. Its PIN is that of the "
      "file in\n"
      "?pin-source=file:PATH, else of PAVISE_PIN, else it is asked for; never on the command "
      "line.");
  verb->add_option("DIR", a->folder, "the app's folder; the current one if absent");
  add_app_signing_options(verb, a->key, a->tenant);
  verb->add_option("--binary", a->binary, "the program, put at the entry point");
  verb->add_option("--sbom", a->sbom, "bill of materials to refer to, instead of a new one");
  verb->add_option("--out", a->out, "file to write; DIR/NAME.pvimage if absent");
  verb->add_option("--sdk", a->sdk, "the SDK's folder; PAVISE_SDK, or the one of this program");
  verb->add_flag("--debug", a->debug,
                 "add gdbserver, so that pavise app debug works; not for packages that stay");
  verb->add_option("--gdbserver", a->gdbserver, "with --debug: another than /usr/bin/gdbserver");
  on_verb(verb, run, a, &build);
}

void add_app_key_verbs(CLI::App& app, Action& run) {
  CLI::App* key = add_noun(app, "key", "the owner's key, which signs apps");
  auto a = std::make_shared<KeyArguments>();
  CLI::App* verb = add_verb(*key, "create", "make a key: FILE for you alone, FILE.pub for devices",
                            "  pavise app key create owner.pem");
  verb->add_option("FILE", a->name, "file to write; never over another")->required();
  on_verb(verb, run, a, &create_key);
  auto shown = std::make_shared<KeyArguments>();
  verb = add_verb(*key, "show", "print the public half, which devices get (PEM)",
                  "  pavise app key show owner.pem\n"
                  "  pavise app key show 'pkcs11:token=owner;object=apps' >owner.pem.pub");
  verb->add_option("KEY,--key", shown->name, "a key's file, or pkcs11:...")->required();
  on_verb(verb, run, shown, &show_key);
}

}  // namespace pavise::cli
