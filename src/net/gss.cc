#include "net/gss.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include <cstring>

namespace eilpost::net {

namespace {

gss_buffer_desc buffer_of(std::string_view octets) {
  return {octets.size(), const_cast<char*>(octets.data())};
}

// A buffer that the library fills.
struct Filled {
  gss_buffer_desc buffer = GSS_C_EMPTY_BUFFER;
  Filled() = default;
  Filled(const Filled&) = delete;
  Filled& operator=(const Filled&) = delete;
  ~Filled() {
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, &buffer);
  }
  std::string text() const {
    return buffer.length == 0 ? std::string()
                              : std::string(static_cast<const char*>(buffer.value), buffer.length);
  }
};

struct Name {
  gss_name_t name = GSS_C_NO_NAME;
  Name() = default;
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;
  ~Name() {
    OM_uint32 minor = 0;
    gss_release_name(&minor, &name);
  }
};

void add_status(std::string& out, OM_uint32 status, int type) {
  OM_uint32 more = 0;
  do {
    OM_uint32 minor = 0;
    Filled text;
    gss_OID mechanism = type == GSS_C_MECH_CODE ? gss_mech_krb5 : GSS_C_NO_OID;
    if (GSS_ERROR(gss_display_status(&minor, status, type, mechanism, &more, &text.buffer))) return;
    out += (out.empty() ? "" : ": ") + text.text();
  } while (more != 0);
}

tl::unexpected<Error> fail_gss(Code code, std::string_view what, OM_uint32 major, OM_uint32 minor) {
  std::string text;
  add_status(text, major, GSS_C_GSS_CODE);
  if (minor != 0) add_status(text, minor, GSS_C_MECH_CODE);
  return fail(code, std::string(what) + ": " + text);
}

// GSS_S_FAILURE is also a keytab that cannot be read or a KDC that is not
// there; a bad ticket has a code of its own.
Code code_of(OM_uint32 major) {
  return GSS_ROUTINE_ERROR(major) == GSS_S_NO_CRED ? Code::unavailable : Code::auth_failed;
}

}  // namespace

struct GssCredential::Impl {
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
};

GssCredential::GssCredential(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GssCredential::~GssCredential() {
  OM_uint32 minor = 0;
  gss_release_cred(&minor, &impl_->credential);
}

Result<std::shared_ptr<GssCredential>> GssCredential::acceptor(const std::string& keytab) {
  gss_key_value_element_desc element = {"keytab", keytab.c_str()};
  const gss_key_value_set_desc store = {1, &element};
  gss_OID_set_desc mechanisms = {1, gss_mech_krb5};
  auto impl = std::make_unique<Impl>();
  OM_uint32 minor = 0;
  const auto major =
      gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT,
                            &store, &impl->credential, nullptr, nullptr);
  if (GSS_ERROR(major)) return fail_gss(Code::unavailable, keytab, major, minor);
  return std::shared_ptr<GssCredential>(new GssCredential(std::move(impl)));
}

struct GssContext::Impl {
  gss_ctx_id_t context = GSS_C_NO_CONTEXT;
  std::shared_ptr<GssCredential> credential;  // of an acceptor; shared with its other contexts
  Name target;                                // of an initiator
  std::string binding;                        // with its prefix
  std::string peer;
  bool bound = false;
  bool complete = false;
  std::optional<std::string> logon_info;

  ~Impl() {
    OM_uint32 minor = 0;
    if (context != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
  }

  // MS-SSPI's SEC_CHANNEL_BINDINGS: no addresses, and the binding's name in
  // front of its octets.
  gss_channel_bindings_struct bindings() const {
    gss_channel_bindings_struct out{};
    out.application_data = buffer_of(binding);
    return out;
  }
  Result<Step> accept(std::string_view token);
  Result<Step> initiate(std::string_view token);
  Result<> learn_peer(gss_name_t name);
};

GssContext::GssContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GssContext::~GssContext() = default;

namespace {
std::string named_binding(std::string server_end_point) {
  return server_end_point.empty() ? "" : "tls-server-end-point:" + std::move(server_end_point);
}
}  // namespace

Result<std::unique_ptr<GssContext>> GssContext::acceptor(std::shared_ptr<GssCredential> credential,
                                                         std::string server_end_point) {
  auto impl = std::make_unique<Impl>();
  impl->credential = std::move(credential);
  impl->binding = named_binding(std::move(server_end_point));
  return std::unique_ptr<GssContext>(new GssContext(std::move(impl)));
}

Result<std::unique_ptr<GssContext>> GssContext::initiator(const std::string& target,
                                                          std::string server_end_point) {
  auto impl = std::make_unique<Impl>();
  impl->binding = named_binding(std::move(server_end_point));
  auto text = buffer_of(target);
  OM_uint32 minor = 0;
  const auto major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &impl->target.name);
  if (GSS_ERROR(major)) return fail_gss(Code::invalid, target, major, minor);
  return std::unique_ptr<GssContext>(new GssContext(std::move(impl)));
}

Result<GssContext::Step> GssContext::step(std::string_view token) {
  if (impl_->complete) return fail(Code::internal, "Kerberos: the context is complete");
  return impl_->credential ? impl_->accept(token) : impl_->initiate(token);
}

Result<GssContext::Step> GssContext::Impl::accept(std::string_view token) {
  auto input = buffer_of(token);
  auto channel = bindings();
  Name name;
  Filled output;
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  const auto major =
      gss_accept_sec_context(&minor, &context, credential->impl_->credential, &input,
                             binding.empty() ? GSS_C_NO_CHANNEL_BINDINGS : &channel, &name.name,
                             nullptr, &output.buffer, &flags, nullptr, nullptr);
  if (GSS_ERROR(major)) return fail_gss(code_of(major), "Kerberos", major, minor);
  Step out{.octets = output.text(), .complete = (major & GSS_S_CONTINUE_NEEDED) == 0};
  if (!out.complete) return out;
  complete = true;
  bound = (flags & GSS_C_CHANNEL_BOUND_FLAG) != 0;
  if ((flags & GSS_C_INTEG_FLAG) == 0) return fail(Code::auth_failed, "Kerberos: no integrity");
  TRY(learn_peer(name.name));
  return out;
}

Result<> GssContext::Impl::learn_peer(gss_name_t name) {
  Filled shown;
  OM_uint32 minor = 0;
  auto major = gss_display_name(&minor, name, &shown.buffer, nullptr);
  if (GSS_ERROR(major)) return fail_gss(Code::auth_failed, "Kerberos name", major, minor);
  peer = shown.text();
  auto attribute = buffer_of("urn:mspac:logon-info");
  Filled value;
  Filled display;
  int authenticated = 0;
  int whole = 0;
  int more = -1;
  major = gss_get_name_attribute(&minor, name, &attribute, &authenticated, &whole, &value.buffer,
                                 &display.buffer, &more);
  if (!GSS_ERROR(major) && authenticated != 0) logon_info = value.text();
  return {};
}

Result<GssContext::Step> GssContext::Impl::initiate(std::string_view token) {
  auto input = buffer_of(token);
  auto channel = bindings();
  Filled output;
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  constexpr OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_SEQUENCE_FLAG;
  const auto major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, target.name,
                                          gss_mech_krb5, wanted, GSS_C_INDEFINITE,
                                          binding.empty() ? GSS_C_NO_CHANNEL_BINDINGS : &channel,
                                          &input, nullptr, &output.buffer, &flags, nullptr);
  if (GSS_ERROR(major)) return fail_gss(code_of(major), "Kerberos", major, minor);
  complete = (major & GSS_S_CONTINUE_NEEDED) == 0;
  if (complete && (flags & GSS_C_MUTUAL_FLAG) == 0) {
    return fail(Code::auth_failed, "Kerberos: the server did not prove itself");
  }
  return Step{.octets = output.text(), .complete = complete};
}

Result<std::string> GssContext::wrap(std::string_view octets) {
  auto input = buffer_of(octets);
  Filled output;
  OM_uint32 minor = 0;
  const auto major =
      gss_wrap(&minor, impl_->context, 0, GSS_C_QOP_DEFAULT, &input, nullptr, &output.buffer);
  if (GSS_ERROR(major)) return fail_gss(Code::auth_failed, "Kerberos wrap", major, minor);
  return output.text();
}

Result<std::string> GssContext::unwrap(std::string_view octets) {
  auto input = buffer_of(octets);
  Filled output;
  OM_uint32 minor = 0;
  const auto major = gss_unwrap(&minor, impl_->context, &input, &output.buffer, nullptr, nullptr);
  if (GSS_ERROR(major)) return fail_gss(Code::auth_failed, "Kerberos unwrap", major, minor);
  return output.text();
}

const std::string& GssContext::peer() const {
  return impl_->peer;
}

bool GssContext::bound() const {
  return impl_->bound;
}

const std::optional<std::string>& GssContext::logon_info() const {
  return impl_->logon_info;
}

}  // namespace eilpost::net
