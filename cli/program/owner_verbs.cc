// tenant, release, release-key, vendor, token
#include <boost/json.hpp>

#include "cli/program/verb.h"
#include "cli/view/views.h"
#include "common/base/bytes.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kPemSizeMax = 64UL * 1024;
constexpr std::size_t kManifestSizeMax = 512UL * 1024;  // as base64 it must fit a body of 1 MiB

struct NoArguments {};

struct NameArguments {
  std::string name;
};

struct ReleaseArguments {
  std::string manifest, signature, release;
  std::string reason = "revoked by its owner";
};

struct KeyArguments {
  std::string file, name, tenant;
};

struct TokenArguments {
  std::string name, role, tenant;
  int days = 0;
};

// "list": one GET, one view.
void add_list(CLI::App& noun, Action& run, const std::string& target, Session::View view,
              const std::string& about, const std::string& example) {
  CLI::App* verb = add_verb(noun, "list", about, "  " + example);
  on_verb(verb, run, std::make_shared<NoArguments>(),
          [target, view](Session& session, const NoArguments&) {
            return session.call_and_show(view, "GET", target);
          });
}

Exit add_release(Session& session, const ReleaseArguments& a) {
  const auto manifest = read_text_file(a.manifest, kManifestSizeMax);
  if (!manifest) return session.fail(manifest.error());
  const auto signature = read_text_file(a.signature, kPemSizeMax);
  if (!signature) return session.fail(signature.error());
  return session.call_and_show(
      &view::release, "POST", "/releases",
      json::serialize(json::object{{"manifest", to_base64(as_bytes(*manifest))},
                                   {"signature", to_base64(as_bytes(*signature))}}));
}

Exit revoke_release(Session& session, const ReleaseArguments& a) {
  const auto id = session.listed_id(a.release, "/releases", "releases", "id");
  if (!id) return session.exit();
  return session.call_and_show(&view::release, "POST", "/releases/" + *id + "/revoke",
                               json::serialize(json::object{{"reason", a.reason}}));
}

// A file of PEM goes up under `member`, with a name and perhaps a tenant.
Exit add_pem(Session& session, const KeyArguments& a, const std::string& target,
             std::string_view member, Session::View view) {
  const auto pem = read_text_file(a.file, kPemSizeMax);
  if (!pem) return session.fail(pem.error());
  json::object body{{"name", a.name}, {member, *pem}};
  if (!a.tenant.empty()) body["tenant"] = a.tenant;
  return session.call_and_show(view, "POST", target, json::serialize(body));
}

std::string created_token(const json::value& answer, bool colour) {
  const json::object* object = answer.if_object();
  const json::value* token = object == nullptr ? nullptr : object->if_contains("token");
  return view::tokens(json::object{{"tokens", {answer}}}, colour) + "token: " +
         (token != nullptr && token->is_string() ? std::string(token->as_string()) : "-") +
         "\nIt is shown once; keep it safe.\n";
}

std::string removed(const json::value&, bool) {
  return "removed\n";
}

// 204 has no body to show; programs get an empty object.
Exit remove(Session& session, const std::string& target) {
  const auto answer = session.call("DELETE", target);
  if (!answer) return session.exit();
  session.print(session.json() ? "{}\n" : removed(*answer, false));
  return Exit::ok;
}

}  // namespace

void add_tenant_verbs(CLI::App& program, Action& run) {
  CLI::App* tenant = add_noun(program, "tenant", "owners of devices, each with its own CA");
  auto arguments = std::make_shared<NameArguments>();
  CLI::App* create = add_verb(*tenant, "create", "make a tenant", "  pavise tenant create acme");
  create->add_option("NAME", arguments->name, "a-z, 0-9 and -, beginning with a letter")
      ->required();
  on_verb(create, run, arguments, [](Session& session, const NameArguments& a) {
    return session.call_and_show(&view::tenant, "POST", "/tenants",
                                 json::serialize(json::object{{"id", a.name}}));
  });
  add_list(*tenant, run, "/tenants", &view::tenants, "all tenants", "pavise tenant list");
}

void add_release_verbs(CLI::App& program, Action& run) {
  CLI::App* release = add_noun(program, "release", "signed reference values of system images");
  auto added = std::make_shared<ReleaseArguments>();
  CLI::App* add = add_verb(*release, "add", "make a signed release known",
                           "  pavise release add release.json release.sig");
  add->add_option("MANIFEST", added->manifest, "release.json of the image build")->required();
  add->add_option("SIGNATURE", added->signature, "release.sig of the image build")->required();
  on_verb(add, run, added, &add_release);

  add_list(*release, run, "/releases", &view::releases, "known releases", "pavise release list");

  auto revoked = std::make_shared<ReleaseArguments>();
  CLI::App* revoke = add_verb(*release, "revoke", "refuse devices that run it from now on",
                              "  pavise release revoke 9c11d2 --reason CVE-2026-0001");
  revoke->add_option("RELEASE", revoked->release, "id, or the first characters of it")->required();
  revoke->add_option("--reason", revoked->reason, "shown in evidence and audit");
  on_verb(revoke, run, revoked, &revoke_release);
}

void add_release_key_verbs(CLI::App& program, Action& run) {
  CLI::App* key = add_noun(program, "release-key", "keys whose signature makes a release count");
  auto arguments = std::make_shared<KeyArguments>();
  CLI::App* add = add_verb(*key, "add", "trust a release key",
                           "  pavise release-key add release.pub.pem --name development");
  add->add_option("PEM", arguments->file, "public key, P-256; - for standard input")->required();
  add->add_option("--name", arguments->name, "for people")->required();
  add->add_option("--tenant", arguments->tenant, "counts for this tenant only");
  on_verb(add, run, arguments, [](Session& session, const KeyArguments& a) {
    return add_pem(session, a, "/release-keys", "key", &view::release_key);
  });
  add_list(*key, run, "/release-keys", &view::release_keys, "trusted keys",
           "pavise release-key list");
}

void add_vendor_verbs(CLI::App& program, Action& run) {
  CLI::App* vendor = add_noun(program, "vendor", "makers of TPMs that are accepted");
  auto arguments = std::make_shared<KeyArguments>();
  CLI::App* add = add_verb(*vendor, "add", "accept the TPMs of a maker",
                           "  pavise vendor add root.pem --name virtual-silicon");
  add->add_option("PEM", arguments->file, "its root certificate; - for standard input")->required();
  add->add_option("--name", arguments->name, "for people")->required();
  on_verb(add, run, arguments, [](Session& session, const KeyArguments& a) {
    return add_pem(session, a, "/vendors", "certificate", &view::vendor);
  });
  add_list(*vendor, run, "/vendors", &view::vendors, "accepted makers", "pavise vendor list");

  auto gone = std::make_shared<NameArguments>();
  CLI::App* verb = add_verb(*vendor, "remove", "accept no new TPMs of it; registered devices stay",
                            "  pavise vendor remove 77aa01");
  verb->add_option("VENDOR", gone->name, "id, or the first characters of it")->required();
  on_verb(verb, run, gone, [](Session& session, const NameArguments& a) {
    const auto id = session.listed_id(a.name, "/vendors", "vendors", "fingerprint");
    return id ? remove(session, "/vendors/" + *id) : session.exit();
  });
}

void add_token_verbs(CLI::App& program, Action& run) {
  CLI::App* token = add_noun(program, "token", "who may call the management API");
  auto made = std::make_shared<TokenArguments>();
  CLI::App* create = add_verb(*token, "create", "make a token; its secret is shown once",
                              "  pavise token create line-3 --role factory --days 90");
  create->add_option("NAME", made->name, "for people and the audit")->required();
  create->add_option("--role", made->role, "what it may do")
      ->required()
      ->check(CLI::IsMember({"admin", "operator", "reader", "factory", "metrics"}));
  create->add_option("--tenant", made->tenant, "only for this tenant");
  create->add_option("--days", made->days, "how long; default: no end")->check(CLI::Range(1, 3650));
  on_verb(create, run, made, [](Session& session, const TokenArguments& a) {
    json::object body{{"name", a.name}, {"role", a.role}};
    if (!a.tenant.empty()) body["tenant"] = a.tenant;
    if (a.days > 0) body["days"] = a.days;
    return session.call_and_show(&created_token, "POST", "/tokens", json::serialize(body));
  });
  add_list(*token, run, "/tokens", &view::tokens, "tokens, without secrets", "pavise token list");

  auto gone = std::make_shared<NameArguments>();
  CLI::App* verb =
      add_verb(*token, "remove", "it is refused from now on", "  pavise token remove line-3");
  verb->add_option("NAME", gone->name, "its name")->required();
  on_verb(verb, run, gone, [](Session& session, const NameArguments& a) {
    return remove(session, "/tokens/" + url_encode(a.name));
  });
}

}  // namespace pavise::cli
