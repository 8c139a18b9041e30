// Tokens for the tests, signed by keys that were thrown away: issued at 1,700,000,000 for ten
// minutes by https://idp.example.org for the audience "imap", unless the name says what is wrong
// with them. Values only.
#pragma once

#include <string_view>

namespace eilpost::testing {

inline constexpr std::string_view jwks =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r1\",\"n\":\"2X2W3TdHSbN5m-a0IHFu8KsSzY"
    "vjZRGeYpME-oQMAweezW70v1V4cOtWI2Sr2GJXypp5Dc2I-pb2phtYqLEkevlpsb"
    "LVunBhr2JN_UkND8yTAdpBCIa8jyZLv5Ppe9CNGomnmkp9ToRXt1vnO76zp3uZM5"
    "VE7NCfawMKkBSKuWNw3mhRE2nNQvzRShw80eu-b6bJ-66w7Fv1CjsKuD7C4ZTo3P"
    "y3T0cgtuK05EBMlee2AcJgCvonQawvk5ReWRyLzAO31y5wZ8eGcNVW8Lk_GMnhwi"
    "92ni5GFuoeHKyGnbMk2T9v7hkkXS_r_l4CI0BtJRJIYFmAIemOBe5EMNk0Aw\",\"e"
    "\":\"AQAB\",\"use\":\"sig\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e1\",\"alg\""
    ":\"ES256\",\"x\":\"UMIqDsIcc2jifpxnJQKefyzYfV7gB4jyHBQS8eAH3Y0\",\"y\":\""
    "RxFPMYXiLMbR-Rku_q2pApHyVsXfEbpLb_He5oa33I4\"},{\"kty\":\"OKP\",\"crv\""
    ":\"Ed25519\",\"kid\":\"d1\",\"x\":\"6w6b37PSzSU_w8qjUrQFb_0Dy0KTMTRLJEzwU"
    "v53oCU\"},{\"kty\":\"oct\",\"kid\":\"s1\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"kid\":"
    "\"w1\",\"n\":\"7AjULMFlIHyk9AfebtmJA25YgWMOT1XtsYpom8D6HWytY_Ug08CSj3"
    "E1iBU_7xB9BzR_vixaxIEp2PMdvo302nOt4meFKyxZJuYE1NCc1yDDenUN2mweiz"
    "g3ol7tyxjZVW2cr8upBBY-vLWQNCHneS3PdS6BE82Cydo28eDmZG0\",\"e\":\"AQAB"
    "\"}]}";

inline constexpr std::string_view jwks_rotated =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r2\",\"n\":\"rSgYAIq1hGhBFPLuFiGe8iJV_7"
    "s2s8EYtSSg_Pua9-9UsR2fvF95TYJ4yAaZECuSn1cMpwx38io3zwpNe6wO6_P_bJ"
    "04cHEQGHQhL-H-5t2Uz6BMQslESYWW3ae1JVB8kOrkoAo3WJJF-eYK5gW6xmw_a9"
    "ycdrFZLkz3-P7PIK5IRTtjuE_V22gGV62qReML6gZ68aPcKS6oB6bOtSHcxuotTd"
    "Dy2myMkVCR6URMqMSdUrAh5q3eTNs3_BN6sLGNsOlNEHlICSsE2YP4ycgeZIGIzl"
    "JvRAADnHlGApXCdmJONN_YQi_JcUXsP4TOfnAYd-AupZTeDoyspoNmATWEgw\",\"e"
    "\":\"AQAB\"}]}";

inline constexpr std::string_view token_rs256 =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.IsTyuD4wctBuDghr6WR6k4TuIcwNXZWkDiZtj93Tu5MKsv-gzrTDzgvHf8wR40CXbua3RfddrKx"
    "HoHxz7Uw__zV9P50YAimOMRZ-60yZ-7f_oCmvk2B2qVkDFWjGmIog_YLfngwlU6NxcDS7hrO1D0QAU_1F_rwFv"
    "jn2SLFtOAJQJ2eiaX9MLpP6ADxYKnxeCLhL5luBfc49mjD9AnpkkJBTTZGBkO_nScppU0zdt4TVF9J2stMowUu"
    "8CzBU3ml-H15_h0oWEbgSmH8hfSAS1IR0mhg3vRhR_mXPjdLdW5O_NI9p2NRoXxlei2G1hDvE1O35IUBICj3IS"
    "7NcnewrOg";

inline constexpr std::string_view token_ps256 =
    "eyJhbGciOiJQUzI1NiIsImtpZCI6InIxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.qPs3G9fiWOqfjXCrCm6UbGhEYYIoiNb2fXJOz6eX5MsvHak49vX7kqL19ibPZvWhvKNxUg1xwkd"
    "aJTAb4Ta_ZAHidTUS0JXL_f4d8lLH2kzmT_SF98BbjJgJmUyY7O5mbJe57vGNRCzY5NenYdnAQGISkV944pWZP"
    "YSXTko-Cqus3gfAkSUvK95pZ-i4QvRFdvbYp-r0y5qkhMbsFZlTHREE7zwHGfhv9LdH7Ps55CwSB4BhnyyGfLs"
    "nxBeKoevLQAEiWCm-Kv5OzpWqNdWisTyBDZZMcfbRm-w46Rsj_GJ8PYVk-WB9pRbXCDxLzSiZye8SHE3OfT7qO"
    "BLcfitH5A";

inline constexpr std::string_view token_es256 =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.skVGzosvOdG_q_awdly9js0GXrEQLKhvFb1neW96nSHpf5bOmTYunZotcgD_XcjVN2tkkZ3tgw0"
    "UdNuM84CoEg";

inline constexpr std::string_view token_eddsa =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImQxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.Aybs0nNU3bJ9IJkFF4Lob53SQJwt42vyirlb5xUeJBh8jnt6U3CIgFk8JEnIjtA-EhCqEfuE1jI"
    "jba5ILr5FAg";

inline constexpr std::string_view token_no_kid =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLm9yZyIsI"
    "mF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhhbXBsZS5vcmciLCJ"
    "zY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDA2MDB9.pLC8"
    "OLaTi6_mKaJ-yXrlZUJmXoPJPpQTaJRQDryBUpvNobWFV77tjBeATSirzYYVwdZilAbR5P5IrP5n5BBxTIpFaI"
    "9prtfSEGOtV-V8zDXmUXJQc4k2pjRH-1etvV6BUl4EJx7GqsdHmMTpQEm5XZAZpNiUzofUWox4EJgDJLV5bEKj"
    "Ll13CpFXbGfEGrAY9KMIPhF0pC0PyYQY03xr7JBG6_6rPFYkri-NJ5MPm7xkaeO-edB_jZl7zrmFYnvR2Ny5-G"
    "5io3ckbyGxU5rplmD51COXDbLVnAAT2r87IltaWuIHKUzPT1_xXrj-Bw1QTTvreL788VaJ9jweK7A98g";

inline constexpr std::string_view token_rotated =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIyIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.JKOA9jNl8RxNl7JkJS_vfsL99_l1x6xi-A4T6LdOne1jiA6_lIkUBWpXt0rlMAZUAFJhOI3br1t"
    "CYPVtYoEzPhBB28PGKSSZx55woQhmU_x5phFdFhj-_GeFgzGrSk1KbS70qvDZK5LgjZjNpM30LsgeY9jvLl_0J"
    "1AXJgzTyZSiutscSl6Hso8jGXuFcZQ70wKh3p2PLrKIq2abmqHeu7W38WrXyYdSeJgPjmiQ2Aee5TimhoGyphS"
    "dcxd23rQvj8SHat24KS7mCPYd4G8kkBh1UNfZix5wGKzYqfLVbNZCOv5X9PdcIrdUkzZovyV9d7LrQIhIHO4CP"
    "B-uyAC9_g";

inline constexpr std::string_view token_wrong_key =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.i1pJY7Rmri23fwR1kltplI1T_ht-Qwn4_enPsM_vLrKbgGs615r8zF64YZzZMd_5wK1t9HEh1lk"
    "GM-4l6IKvJs-MhmI0o2yj-Z1Sa36QGyItsw3a26s4FFHimDLWD0WkHF0jXYEqq94HW3vGq6cvi3ZduSqaBBzhs"
    "QRVU3GKhR3Sl9trpwnNUcFjNajlC5slktvLBOxREPXFivg9RiUFtGNjnZsNFpwXRWGQZ7fA1Zl2rq4gURtfUl2"
    "0qi3z2bfdgJrXOcPr5Vch386dl-Pb3dahzXqUh1qhw-gQS9ZcEk-TGZl-YhyyaC0Bw5yZKK3BeUd0i3WSo6Osq"
    "l-Bu8d0aw";

inline constexpr std::string_view token_weak_key =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IncxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.WTshMddGUHgKueJIVyotI2IQRSPUFIjIpFqYUbmEkaZMOFZCkNUHSrVUcP4V3LTWJXY0SKQPFMz"
    "7n4CQMSJts5Q4f8PM6XwrLyQpP-hvq-Y_itm4ONI8MTCqA2QgMz6VIOjXPG6fWtOpL0KLkuR7ouPtJ_S6eOW51"
    "WI5Ht74g7w";

inline constexpr std::string_view token_audience =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6WyJ3ZWIiLCJvdGhlciJdLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6"
    "ImFubmFAZXhhbXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLC"
    "JleHAiOjE3MDAwMDA2MDB9.sQ9M8EULIHy4fxEoJZzz-Yexh5LznEsy5YmpzqvmjM82nK5BuwTmLqRQTgBOqZ0"
    "PW6vkz8oYErwsWhbQ4MyqPg";

inline constexpr std::string_view token_audience_list =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6WyJ3ZWIiLCJpbWFwIl0sInN1YiI6InUxIiwicHJlZmVycmVkX3VzZXJuYW1lIjoi"
    "YW5uYUBleGFtcGxlLm9yZyIsInNjb3BlIjoibWFpbC5pbWFwIG9mZmxpbmUiLCJpYXQiOjE3MDAwMDAwMDAsIm"
    "V4cCI6MTcwMDAwMDYwMH0.UDbgFwVzZdYXEEtGnXhzzkdnkH-OVNPs2sgavbyWowXJmk-fEB3WrWRI1_SMmL-l"
    "TP-AvrqqeydFabApBPgfGA";

inline constexpr std::string_view token_issuer =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm5ldCIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDB9._AmBlMSTpibBUtiCX9IWDi-clYwvg3aaq9WKWdqP_NNm2swlEam4QV07IU0WtQJrD6PLGLof-5B"
    "izeK9nMHsnA";

inline constexpr std::string_view token_not_before =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MD"
    "AwMDA2MDAsIm5iZiI6MTcwMDAwMDMwMH0.aOFryI7CMI1xcvPiQOW8iQyNsBj7HHf0t2iw35pkXLmEq0EEBYlZ"
    "oqW01tWYQ_4Y6jgQR8c4ukOciFoTIV9JEg";

inline constexpr std::string_view token_future =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMzAwLCJleHAiOjE3MD"
    "AwMDA2MDB9.G9xMhYdI_JG98Svg2AkAPjyZ2uf0Nr24NB5yIXiDufXZzgaJJ_arl4xh7guZu9hXeI7KQeyH5mi"
    "RWrb7I3rdpQ";

inline constexpr std::string_view token_endless =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxNzAwMDAwMDAwfQ.jeV4jIgXVTB"
    "snnsaq2gA5-HDHzVrwmeRldplL77VU9kPb6CYgU-od0xO7QXoNBFcYWzBemlxMlmjYlRKo9axKg";

inline constexpr std::string_view token_scope =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJzY29wZSI6Im9wZW5pZCIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwNjAwfQ.-_-"
    "UVz5d-Sdpg5nf4nnOyNJkvt5BAu2XU6o8ggtZH3hNyH35FvZyOXb1z5sPhIANUDkHWlz95Ncej3xP5y-HCA";

inline constexpr std::string_view token_scp =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF91c2VybmFtZSI6ImFubmFAZXhh"
    "bXBsZS5vcmciLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDYwMCwic2NwIjoibWFpbC5pbWFwIn0.mi"
    "r59QpuAURH1GezoaIG9w_qqNyjr5pJxRuHEbPFyou6CVZkxncE_uOpozFKOrALUxpKSOUV3cDOEjIa1JkLog";

inline constexpr std::string_view token_email =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInNjb3BlIjoibWFpbC5pbWFwIG9mZmxpbmUiLCJp"
    "YXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDYwMCwiZW1haWwiOiJhbm5hQGV4YW1wbGUub3JnIiwiZW1haW"
    "xfdmVyaWZpZWQiOmZhbHNlfQ.n3xaRPeC_iEarDQQJgn_DpOHKMubjFDmy47D_jSoFHgehcDMcoa4Bsa4oVxfd"
    "DqBqY8O2fjN_e_o7Ddxd2-jsA";

inline constexpr std::string_view token_upn =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInNjb3BlIjoibWFpbC5pbWFwIG9mZmxpbmUiLCJp"
    "YXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDYwMCwidXBuIjoiYW5uYS51cG5AZXhhbXBsZS5jb20ifQ.J9u"
    "Xw9_iV1iix4be1oK6nMZBd6NB9wVaosO95Lt24UzzgowOAWpoMz3meo9GGLcjmTFMEcI6hFKxC-SMqSpn0g";

inline constexpr std::string_view token_application =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJhcHAtMSIsInNjb3BlIjoibWFpbC5hcHAiLCJpYXQiOjE3"
    "MDAwMDAwMDAsImV4cCI6MTcwMDAwMDYwMCwiY2xpZW50X2lkIjoiYXBwLTEifQ.wVxCExFekSGPhPRuqVv8g4j"
    "u5skDyrGhJoouHCuEUM1wRoJA3xXCJn8RVtEYBbwQPgy8tJoMK-ZU-d9yoeaZEg";

inline constexpr std::string_view token_microsoft_app =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJvMSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAw"
    "NjAwLCJvaWQiOiJvMSIsImF6cCI6ImFwcC0xIiwicm9sZXMiOlsibWFpbC5hcHAiXX0.rjc9kPyEihHq2Owc4l"
    "2XlgGS9dvClST20IX_XREkotWDhRDac3C_K2H2RKaaCpntUSsWX-6t6JgoXG9mEEBd6Q";

inline constexpr std::string_view token_other_application =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkcC5leG"
    "FtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJhcHAtMiIsInNjb3BlIjoibWFpbC5hcHAiLCJpYXQiOjE3"
    "MDAwMDAwMDAsImV4cCI6MTcwMDAwMDYwMCwiY2xpZW50X2lkIjoiYXBwLTIifQ.CI9gGrnZkt2rVZkD8co1-ue"
    "WHK9WrNHyhTxwY__uOzWElHx6y86qrCSHk_JtbNTRM0Uc4jJ8mtY-SWpR4mwU8g";

inline constexpr std::string_view token_critical =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0IiwiY3JpdCI6WyJ4Il0sIngiOjF9.eyJpc"
    "3MiOiJodHRwczovL2lkcC5leGFtcGxlLm9yZyIsImF1ZCI6ImltYXAiLCJzdWIiOiJ1MSIsInByZWZlcnJlZF9"
    "1c2VybmFtZSI6ImFubmFAZXhhbXBsZS5vcmciLCJzY29wZSI6Im1haWwuaW1hcCBvZmZsaW5lIiwiaWF0IjoxN"
    "zAwMDAwMDAwLCJleHAiOjE3MDAwMDA2MDB9.UNtWUDDt3nWp3DgqN3Vv3sMgQV1SwIuc7A__vX02tzEUL5cQqK"
    "MeFPU_LKP47s5DwzcNCD_WKbqOqOz4Zgn2Uw";

}  // namespace eilpost::testing
