/* What is refused: each with its place, its path and the words that tell what to do. */
#include "node.h"

#include "../test.h"

#include <stdlib.h>

/* The circumflex stands where the error is to be reported; it is no part of the text. */
struct refused {
    const char *text;
    const char *path;
    const char *phrase; /* in the text or the remedy */
    const char *also;   /* likewise, or NULL */
};

#define NODE(transports) "{'version': 2, 'workers': [{'type': 'router', 'transports': [" transports "]}]}"
#define T0               "$.workers[0].transports[0]"
#define WEB(paths)       NODE("{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {" paths "}}")
#define WEB_OPTIONS(options)                                                                                           \
    NODE("{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {}, 'options': {" options "}}")
#define ENDPOINT(endpoint) NODE("{'type': 'web', 'paths': {}, 'endpoint': " endpoint "}")
#define TCP(keys)          ENDPOINT("{'type': 'tcp', " keys "}")
#define TLS(keys)          TCP("'port': 443, 'tls': {" keys "}")
#define PAIR               "'key': 'server.key', 'certificate': 'server.pem'"
#define ACME(keys)         TLS("'acme': {" keys "}")
#define ACMES(first, second)                                                                                           \
    NODE("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 1, 'tls': {'acme': {" first                 \
         "}}}}, {'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 2, 'tls': {'acme': ^{" second "}}}}")
#define AGREED "'agree_tos': true, "
#define TESTEE(options)                                                                                                \
    NODE("{'type': 'websocket.testee', 'endpoint': {'type': 'tcp', 'port': 80}, 'options': {" options "}}")
#define RAW(keys)      NODE("{'type': 'rawsocket', 'endpoint': {'type': 'tcp', 'port': 80}, " keys "}")
#define UNI(keys)      NODE("{'type': 'universal', 'endpoint': {'type': 'tcp', 'port': 80}, " keys "}")
#define PROXY(backend) WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': {" backend "}}")
#define LOCAL          "'endpoint': {'type': 'unix', 'path': 'n.sock'}"
#define W0             "$.workers[0]"
#define ROUTED(connections, routes)                                                                                    \
    "{'version': 2, 'workers': [{'type': 'proxy', 'connections': {" connections                                        \
    "'one': {'transport': {'type': 'rawsocket', " LOCAL "}}, 'two': {'transport': {'type': 'websocket', " LOCAL        \
    ", 'url': 'ws://n'}}}, 'routes': {" routes                                                                         \
    "}, 'transports': [{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}}]}]}"
#define CONNECT(keys)  PROXY("'url': 'ws://n', 'endpoint': {'type': 'tcp', " keys "}")
#define B0             T0 ".paths.ws.backend"
#define HTTP(keys)     WEB("'a': ^{'type': 'reverseproxy', " keys "}")
#define HTTP_OF(keys)  WEB("'a': {'type': 'reverseproxy', " keys "}")
#define REMOTE         "'endpoint': {'type': 'tcp', 'host': 'n', 'port': 80}"
#define BACKENDS(list) WEB("'ws': {'type': 'websocket-reverseproxy', 'backends': [" list "]}")

static const struct refused cases[] = {
    /* The text. */
    {"^", "$", "the file is empty", NULL},
    {"  \n ^", "$", "the file is empty", NULL},
    {"{'version': 2,^}", "$", "not JSON", "remove the comma"},
    {"{\n  'version': 2\n  ^'workers': []}", "$", "not JSON", NULL},
    {"{'version': 2 ^// two\n}", "$", "not JSON", "no comments"},
    {"{'version': 2, 'workers': [^", "$", "not JSON", "ends in the middle"},
    {"{'version': ^two}", "$", "not JSON", NULL},
    {"\xef\xbb\xbf{'version': 2}", "$", "not JSON", "byte order mark"},
    {"^[]", "$", "must be an object, found a list of 0", NULL},
    {"^2", "$", "not JSON", NULL},
    {"{'version': 2, ^'version': 2}", "$.version", "key occurs twice", "first time in line 1, column 2"},
    {"{'version': 2, 'a': {'b': [{'x': 1,\n ^'x': 2}]}}", "$.a.b[0].x", "key occurs twice", "keep one"},
    {"{'version': 2, 'ab': 1, ^'a\\u0062': 2}", "$.ab", "key occurs twice", NULL},
    /* The node. */
    {"^{'workers': []}", "$.version", "version is missing", "write \"version\": 2"},
    {"{'version': ^1, 'workers': []}", "$.version", "must be 2, found 1", "crossbar upgrade"},
    {"{'version': ^'2', 'workers': []}", "$.version", "must be 2, found \"2\"", NULL},
    {"{'version': ^2.0, 'workers': []}", "$.version", "found 2.0", NULL},
    {"{'version': 2, ^'wrokers': []}", "$.wrokers", "no key \"wrokers\"", "did you mean \"workers\""},
    {"{'version': 2, ^'zzz': []}", "$.zzz", "no key \"zzz\"", "the keys are: $schema, version"},
    {"{'version': 2, 'workers': ^{}}", "$.workers", "must be a list", "found an object"},
    {"{'version': 2, 'controller': ^[]}", "$.controller", "must be an object", NULL},
    {"^{'version': 2}", "$.workers", "nothing would listen", NULL},
    {"{'version': 2, 'workers': ^[]}", "$.workers", "nothing would listen", NULL},
    {"{'version': 2, 'workers': [^1]}", "$.workers[0]", "element 0 must be an object", NULL},
    {"{'version': 2, 'workers': [^{}]}", "$.workers[0].type", "type is missing", "router"},
    {"{'version': 2, 'workers': [{'type': ^5}]}", "$.workers[0].type", "type must be a string", NULL},
    {"{'version': 2, 'workers': [{'type': ^'ruoter'}]}", "$.workers[0].type", "no worker of type \"ruoter\"",
     "did you mean \"router\""},
    {"{'version': 2, 'workers': [^{'type': 'websocket-testee'}]}", "$.workers[0].transport", "transport is missing",
     NULL},
    {"{'version': 2, 'workers': [{'type': 'websocket-testee', 'transport': {'type': ^'web'}}]}",
     "$.workers[0].transport.type", "no transport of a websocket-testee worker of type \"web\"", "websocket"},
    {"{'version': 2, 'workers': [{'type': 'websocket-testee', ^'transports': [], 'transport': {'type': "
     "'websocket', "
     "'endpoint': {'type': 'tcp', 'port': 80}}}]}",
     "$.workers[0].transports", "no key \"transports\"", "did you mean \"transport\""},
    {"{'version': 2, 'workers': [{'type': 'router', 'id': ^'A', 'transports': []}]}", "$.workers[0].id",
     "lower-case letter", "found \"A\""},
    {"{'version': 2, 'workers': [{'type': 'router', 'options': {'disabled': ^1}}]}", "$.workers[0].options.disabled",
     "must be true or false, or \"${NAME}\"", "found 1"},
    {"{'version': 2, 'workers': ^[{'type': 'router', 'options': {'disabled': true}, 'transports': [{'type': 'web', "
     "'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80}}]}]}",
     "$.workers", "nothing would listen", NULL},
    {"{'version': 2, 'workers': [{'type': 'router', 'options': {^'titel': 'x'}}]}", "$.workers[0].options.titel",
     "no key \"titel\"", "did you mean \"title\""},
    /* A proxy worker. */
    {ROUTED("", "'r': {'a': ^'none'}"), W0 ".routes.r.a", "there is no connection \"none\"", "did you mean \"one\""},
    {ROUTED("", "'r': {'a': ['one', ^'tow']}"), W0 ".routes.r.a[1]", "there is no connection \"tow\"", "\"two\""},
    {ROUTED("", "'r': {'a': 'one', 'b': ^'two'}"), W0 ".routes.r.b", "other connections than role \"a\"",
     "Crossbar's own proxy"},
    {ROUTED("", "'r': {'a': ['one', 'two'], 'b': ^['two']}"), W0 ".routes.r.b", "WAMP authentication", NULL},
    {ROUTED("", "'r': ^{}"), W0 ".routes.r", "at least 1", NULL},
    {ROUTED("", "'r': {'a': ^[]}"), W0 ".routes.r.a", "at least 1", NULL},
    {ROUTED("", "'r': {'a': [^1]}"), W0 ".routes.r.a[0]", "must be the id of a connection", NULL},
    {ROUTED("", "'r': {'a': ^1}"), W0 ".routes.r.a", "must be the id of a connection", NULL},
    {ROUTED("", "'r': ^'one'"), W0 ".routes.r", "must be an object", NULL},
    {ROUTED("", "^'': {'a': 'one'}"), W0 ".routes[\"\"]", "realms", NULL},
    {ROUTED("'x': ^{}, ", "'r': {'a': 'one'}"), W0 ".connections.x.transport", "transport is missing", NULL},
    {ROUTED("'x': {'transport': ^{}}, ", "'r': {'a': 'one'}"), W0 ".connections.x.transport.type", "type is missing",
     NULL},
    {"{'version': 2, 'workers': [{'type': 'proxy', 'connections': {'x': {'transport': {'type': 'rawsocket', " LOCAL
     ", 'serializer': 'ubjson'}}}, 'routes': {'r': {'a': 'x'}}, 'transports': [^{'type': 'websocket', 'endpoint': "
     "{'type': "
     "'tcp', 'port': 80}}]}]}",
     T0, "json, msgpack and cbor only", NULL},
    {"{'version': 2, 'workers': [{'type': 'proxy', 'connections': {}, 'routes': {}, 'transports': [^{'type': "
     "'websocket', "
     "'endpoint': {'type': 'tcp', 'port': 80}}]}]}",
     T0, "no realm leads anywhere", "name a realm"},
    {"{'version': 2, 'workers': [{'type': 'proxy', 'connections': {}, 'transports': [^{'type': 'websocket', "
     "'endpoint': "
     "{'type': 'tcp', 'port': 80}}]}]}",
     T0, "end in a router", "`connections` and `routes`"},
    {"{'version': 2, 'workers': [{'type': 'proxy', 'connections': {'one': {'transport': {'type': "
     "'rawsocket', " LOCAL
     "}}}, 'routes': {'r': {'a': 'one'}}}, {'type': 'router', 'transports': [^{'type': 'websocket', 'endpoint': "
     "{'type': "
     "'tcp', 'port': 80}}]}]}",
     "$.workers[1].transports[0]", "end in a router", NULL},
    {"{'version': 2, 'workers': [{'type': 'router', 'transports': [{'type': 'web', 'paths': {}, 'endpoint': "
     "^{'type': 'unix', 'path': 'n.sock'}}]}, {'type': 'proxy', 'connections': {'one': {'transport': {'type': "
     "'rawsocket', " LOCAL "}}}, 'routes': {'r': {'a': 'one'}}, 'transports': [{'type': 'websocket', 'endpoint': "
     "{'type': 'tcp', 'port': 80}}]}]}",
     T0 ".endpoint", "leads here", "node's own configuration"},
    /* Transports. */
    {NODE("^{'type': 'rawsocket'}"), T0 ".endpoint", "endpoint is missing", NULL},
    {RAW("'serializers': [^'flatbuffers']"), T0 ".serializers[0]", "\"json\", \"msgpack\", \"cbor\" or \"ubjson\"",
     "found \"flatbuffers\""},
    {RAW("'serializers': ^[]"), T0 ".serializers", "at least 1", NULL},
    {RAW("'serializers': ^'cbor'"), T0 ".serializers", "must be a list", "[\"cbor\"]"},
    {RAW("^'max_message_size': 65536"), T0 ".max_message_size", "no key", NULL},
    {RAW("'options': {'max_message_size': ^1}"), T0 ".options.max_message_size", "from 512 to 16777216",
     "the node does not start"},
    {RAW("'options': {'max_message_size': ^16777217}"), T0 ".options.max_message_size", "from 512 to 16777216", NULL},
    {NODE("^{'type': 'rawsocket', 'endpoint': {'type': 'tcp', 'port': 80}}"), T0, "end in a router", "--backend"},
    {UNI("^'mqtt': {}"), T0 ".mqtt", "not served here: MQTT is translated to WAMP by the node", "let the node listen"},
    {UNI("'rawsocket': ^{}"), T0 ".rawsocket", "end in a router", "--backend"},
    {UNI("'rawsocket': {'type': ^'web'}"), T0 ".rawsocket.type", "must be \"rawsocket\"", NULL},
    {UNI("'rawsocket': {^'endpoint': {}}"), T0 ".rawsocket.endpoint", "share its own", "remove it here"},
    {UNI("'web': {'paths': {}, ^'endpoint': {}}"), T0 ".web.endpoint", "share its own", NULL},
    {UNI("'web': ^{}"), T0 ".web.paths", "paths is missing", NULL},
    {UNI("'websocket': {'ws': ^{}}"), T0 ".websocket.ws.type", "type is missing", NULL},
    {UNI("'websocket': {'ws': {'type': ^'web'}}"), T0 ".websocket.ws.type", "there is no", NULL},
    {NODE("{'type': 'stream.testee', 'endpoint': {'type': 'tcp', 'port': 80}, ^'options': {}}"), T0 ".options",
     "no key", NULL},
    {NODE("{'type': ^'mqtt', 'options': {'realm': 'r'}}"), T0 ".type", "MQTT is spoken by the router itself",
     "beside Crossgate"},
    {NODE("{'type': ^'flashpolicy', 'allowed_ports': [80]}"), T0 ".type", "no browser has Flash",
     "remove the transport"},
    {NODE("{'type': ^'websocket-testee'}"), T0 ".type", "no transport of type", "did you mean \"websocket.testee\""},
    {NODE("{'type': ^'http'}"), T0 ".type", "no transport of type \"http\"",
     "the types are: web, websocket, websocket.testee"},
    {NODE("^{'type': 'web', 'paths': {}}"), T0 ".endpoint", "endpoint is missing", NULL},
    {NODE("^{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}}"), T0 ".paths", "paths is missing", NULL},
    {NODE("^{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}}"), T0, "there is none here",
     "--backend ws://127.0.0.1:8080"},
    {NODE("{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}, 'url': ^'http://x'}"), T0 ".url",
     "ws:// or wss://", NULL},
    {NODE("{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}, 'auth': ^'geheim'}"), T0 ".auth",
     "must be an object", "a string that is not shown here"},
    /* Listening endpoints. */
    {ENDPOINT("^[]"), T0 ".endpoint", "must be an object with a \"type\"", NULL},
    {ENDPOINT("^{'port': 80}"), T0 ".endpoint.type", "type is missing", "the types are: tcp, unix"},
    {ENDPOINT("{'type': ^'udp'}"), T0 ".endpoint.type", "no listening endpoint of type \"udp\"", NULL},
    {ENDPOINT("{'type': 'tcp', 'port': 1, 'interface': ^'lo'}"), T0 ".endpoint.interface", "lo is a device",
     "ip address show lo"},
    {ENDPOINT("{'type': 'tcp', 'port': 1, 'proxy_protocol': [^'10.0.0.0/33']}"), T0 ".endpoint.proxy_protocol[0]",
     "must be a network", NULL},
    {ENDPOINT("{'type': 'tcp', 'port': 1, 'proxy_protocol': ^true}"), T0 ".endpoint.proxy_protocol", "must be a list",
     "addresses of the balancers"},
    {ENDPOINT("{'type': ^'onion', 'port': 80}"), T0 ".endpoint.type", "hidden services are made by Tor",
     "HiddenServicePort"},
    {ENDPOINT("{'type': ^'twisted', 'server_string': 'tcp:80'}"), T0 ".endpoint.type", "a program for Twisted",
     "type tcp or unix"},
    {ENDPOINT("^{'type': 'tcp'}"), T0 ".endpoint.port", "port is missing", "portrange"},
    {TCP("'port': ^0"), T0 ".endpoint.port", "from 1 to 65535", "found 0"},
    {TCP("'port': ^65536"), T0 ".endpoint.port", "from 1 to 65535", "found 65536"},
    {TCP("'port': ^443.0"), T0 ".endpoint.port", "found 443.0", NULL},
    {TCP("'port': ^'443'"), T0 ".endpoint.port", "found \"443\"", "without quotes"},
    {TCP("'port': ^'${CROSSGATE_TEST_PORT}'"), T0 ".endpoint.port", "found \"${CROSSGATE_TEST_PORT}\"", NULL},
    {TCP("'port': ^'$CROSSGATE_TEST_UNSET'"), T0 ".endpoint.port", "which is not set", "export CROSSGATE_TEST_UNSET"},
    {TCP("'port': ^'$CROSSGATE_TEST_WORD'"), T0 ".endpoint.port", "which is \"http\"", "from 1 to 65535"},
    {TCP("'port': ^true"), T0 ".endpoint.port", "found true", NULL},
    {TCP("'port': ^null"), T0 ".endpoint.port", "found null", NULL},
    {TCP("'port': 80, 'backlog': ^true"), T0 ".endpoint.backlog", "found true", "Crossbar takes true for 1"},
    {TCP("'portrange': ^[90, 80]"), T0 ".endpoint.portrange", "ends before it begins", NULL},
    {TCP("'portrange': ^[80]"), T0 ".endpoint.portrange", "a list of 2", "found a list of 1"},
    {TCP("'portrange': [80, ^0]"), T0 ".endpoint.portrange[1]", "element 1 must be", "found 0"},
    {TCP("'port': 80, ^'host': 'localhost'"), T0 ".endpoint.host", "connecting endpoint", "`interface`"},
    {TCP("'port': 80, ^'prot': 80"), T0 ".endpoint.prot", "no key \"prot\"", "did you mean \"port\""},
    {TCP("'port': 80, 'version': ^5"), T0 ".endpoint.version", "4 or 6", "found 5"},
    {TCP("'port': 80, 'version': ^7"), T0 ".endpoint.version", "4 or 6", "found 7"},
    {TCP("'port': 80, 'backlog': ^0"), T0 ".endpoint.backlog", "from 1 to 65535", NULL},
    {TCP("'port': 80, 'shared': ^1"), T0 ".endpoint.shared", "true or false, found 1", NULL},
    {TCP("'port': 80, 'interface': ^1"), T0 ".endpoint.interface", "an address or a host name", NULL},
    {TCP("'port': 80, 'interface': ^'[::1]'"), T0 ".endpoint.interface", "without brackets", NULL},
    {TCP("'port': 80, 'user_timeout': ^70000"), T0 ".endpoint.user_timeout", "from 0 to 65535 (ms)", NULL},
    {ENDPOINT("^{'type': 'unix'}"), T0 ".endpoint.path", "path is missing", NULL},
    {ENDPOINT("{'type': 'unix', 'path': 'x', ^'tls': {}}"), T0 ".endpoint.tls", "type tcp only", NULL},
    {ENDPOINT("{'type': 'unix', 'path': ^'$CROSSGATE_TEST_UNSET/x'}"), T0 ".endpoint.path", "is not set", NULL},
    {ENDPOINT("{'type': 'unix', 'path': "
              "^'a2345678901234567890123456789012345678901234567890123456789012345678901234567890"
              "1234567890123456789012345'}"),
     T0 ".endpoint.path", "has at most 107 bytes", NULL},
    {NODE("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80}},\n"
          "{'type': 'web', 'paths': {}, 'endpoint': ^{'type': 'tcp', 'port': 80, 'interface': '127.0.0.1'}}"),
     "$.workers[0].transports[1].endpoint", "same address as $.workers[0].transports[0].endpoint", "`shared` on all"},
    {NODE("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'unix', 'path': 'a.sock'}},"
          "{'type': 'web', 'paths': {}, 'endpoint': ^{'type': 'unix', 'path': 'a.sock'}}"),
     "$.workers[0].transports[1].endpoint", "same address as", NULL},
    /* endpoint.tls.acme */
    {ACME("^'domain': 'a.example', " AGREED "'domains': ['a.example']"), T0 ".endpoint.tls.acme.domain",
     "did you mean \"domains\"", NULL},
    {TLS("'acme': ^{'agree_tos': true}"), T0 ".endpoint.tls.acme.domains", "domains is missing", "www.example.com"},
    {ACME(AGREED "'domains': ^[]"), T0 ".endpoint.tls.acme.domains", "a list of 1 to 100", NULL},
    {ACME(AGREED "'domains': ['a.example', ^'*.a.example']"), T0 ".endpoint.tls.acme.domains[1]", "neither a wildcard",
     "dns-01"},
    {ACME(AGREED "'domains': [^'192.0.2.7']"), T0 ".endpoint.tls.acme.domains[0]", "nor an address", NULL},
    {ACME(AGREED "'domains': [^'2001:db8::7']"), T0 ".endpoint.tls.acme.domains[0]", "nor an address", NULL},
    {ACME(AGREED "'domains': [^'../a']"), T0 ".endpoint.tls.acme.domains[0]", "a DNS name", NULL},
    {ACME(AGREED "'domains': [^'a..example']"), T0 ".endpoint.tls.acme.domains[0]", "a DNS name", NULL},
    {ACME(AGREED "'domains': [^'a.example.']"), T0 ".endpoint.tls.acme.domains[0]", "a DNS name", NULL},
    {ACME(AGREED "'domains': [^'-a.example']"), T0 ".endpoint.tls.acme.domains[0]", "a DNS name", NULL},
    {ACME(AGREED "'domains': [^'b\xc3\xbc.example']"), T0 ".endpoint.tls.acme.domains[0]", "a DNS name", NULL},
    {TLS("'acme': ^{'domains': ['a.example']}"), T0 ".endpoint.tls.acme.agree_tos", "must be true",
     "https://letsencrypt.org"},
    {ACME("'domains': ['a.example'], 'agree_tos': ^false"), T0 ".endpoint.tls.acme.agree_tos", "must be true",
     "terms of service"},
    {ACME(AGREED "'domains': ['a.example'], 'directory': ^'lets-encrypt'"), T0 ".endpoint.tls.acme.directory",
     "letsencrypt-staging", NULL},
    {ACME(AGREED "'domains': ['a.example'], 'directory': ^'http://ca/dir'"), T0 ".endpoint.tls.acme.directory",
     "https:// URL", NULL},
    {ACME(AGREED "'domains': ['a.example'], 'directory': ^'https://../dir'"), T0 ".endpoint.tls.acme.directory",
     "https:// URL", NULL},
    {ACME(AGREED "'domains': ['a.example'], 'directory': ^'https://'"), T0 ".endpoint.tls.acme.directory",
     "https:// URL", NULL},
    {ACME(AGREED "'domains': ['a.example'], 'email': ^'admin'"), T0 ".endpoint.tls.acme.email", "admin@example.com",
     NULL},
    {ACME(AGREED "'domains': ['a.example'], 'email': ^'a@b,c@d'"), T0 ".endpoint.tls.acme.email", "an address", NULL},
    {ACME(AGREED "'domains': ['a.example'], 'challenges': [^'dns-01']"), T0 ".endpoint.tls.acme.challenges[0]",
     "tls-alpn-01", NULL},
    {ACME(AGREED "'domains': ['a.example'], 'ca_certificates': [^'none.pem']"),
     T0 ".endpoint.tls.acme.ca_certificates[0]", "No such file", NULL},
    {TLS("'acme': {'domains': ['a.example'], 'agree_tos': true}, 'key': ^'server.key'"), T0 ".endpoint.tls.key",
     "and `acme`, which gets key", "remove key"},
    {TLS("'acme': {'domains': ['a.example'], 'agree_tos': true}, 'chain_certificates': ^[]"),
     T0 ".endpoint.tls.chain_certificates", "and `acme`", NULL},
    {TCP("'port': 443, 'tls': ^{'certificate': 'server.pem'}"), T0 ".endpoint.tls.key", "key is missing", "acme"},
    {TCP("'port': 443, 'tls': ^{'key': 'server.key'}"), T0 ".endpoint.tls.certificate", "certificate is missing",
     "acme"},
    {ACMES(AGREED "'domains': ['a.example']", AGREED "'domains': ['a.example', 'b.example']"),
     "$.workers[0].transports[1].endpoint.tls.acme", "has the first domain a.example, but other domains",
     "begin with different domains"},
    {ACMES(AGREED "'domains': ['a.example'], 'directory': 'https://ca/one'",
           AGREED "'domains': ['a.example'], 'directory': 'https://ca/two'"),
     "$.workers[0].transports[1].endpoint.tls.acme", "another directory of that host", NULL},
    {ACMES(AGREED "'domains': ['a.example']", AGREED "'domains': ['a.example'], 'challenges': ['http-01']"),
     "$.workers[0].transports[1].endpoint.tls.acme", "other challenges", "write the same in both"},
    /* endpoint.tls */
    {TCP("'port': 443, 'tls': ^true"), T0 ".endpoint.tls", "must be an object, found true", "leave tls out"},
    {TCP("'port': 443, 'tls': ^null"), T0 ".endpoint.tls", "found null", NULL},
    {TLS("^'protocols': [], " PAIR), T0 ".endpoint.tls.protocols", "no key \"protocols\"", "the keys are: key"},
    {TLS("^'cert': 'server.pem', " PAIR), T0 ".endpoint.tls.cert", "did you mean \"certificate\"", NULL},
    {TLS("^'hostname': 'x', " PAIR), T0 ".endpoint.tls.hostname", "connecting endpoint", NULL},
    {TLS(PAIR ", 'chain_certificates': ^'server.pem'"), T0 ".endpoint.tls.chain_certificates", "must be a list",
     "[\"intermediate.pem\"]"},
    {TLS(PAIR ", 'chain_certificates': [^1]"), T0 ".endpoint.tls.chain_certificates[0]", "a path, found 1", NULL},
    {TLS(PAIR ", 'chain_certificates': ['server.pem', ^'none.pem']"), T0 ".endpoint.tls.chain_certificates[1]",
     "none.pem cannot be read", "node directory"},
    {TLS(PAIR ", 'ca_certificates': ^[]"), T0 ".endpoint.tls.ca_certificates", "authorities is empty", "leave it out"},
    {TLS("'key': ^'none.key', 'certificate': 'server.pem'"), T0 ".endpoint.tls.key", "No such file", NULL},
    {TLS("'key': ^'~/none.key', 'certificate': 'server.pem'"), T0 ".endpoint.tls.key", "cannot be read",
     "neither ~ nor variables"},
    {TLS("'key': ^'$CROSSGATE_TEST_WORD.key', 'certificate': 'server.pem'"), T0 ".endpoint.tls.key",
     "$CROSSGATE_TEST_WORD.key cannot be read", "neither ~ nor variables"},
    {TLS("'key': ^'web', 'certificate': 'server.pem'"), T0 ".endpoint.tls.key", "is a directory, not a file", NULL},
    {TLS("'key': ^'pipe', 'certificate': 'server.pem'"), T0 ".endpoint.tls.key", "something special", NULL},
    {TLS("'key': 'server.key', 'certificate': ^'huge.pem'"), T0 ".endpoint.tls.certificate", "larger than 16 MiB",
     NULL},
    {TLS("'key': 'server.key', 'certificate': ^'empty.pem'"), T0 ".endpoint.tls.certificate", "is empty", NULL},
    {TLS("'key': ^'-----BEGIN PRIVATE KEY-----\\nMIIE', 'certificate': 'server.pem'"), T0 ".endpoint.tls.key",
     "PEM text, not shown here", NULL},
    {TLS("'key': 'other.key', 'certificate': ^'server.pem'"), T0 ".endpoint.tls.certificate",
     "no certificate in it belongs to the private key", "crossgate cert show KEY CERTIFICATE"},
    {TLS(PAIR ", 'ciphers': ^'NO-SUCH-CIPHER'"), T0 ".endpoint.tls.ciphers", "no TLS 1.2 suite", NULL},
    {TLS(PAIR ", 'ciphers': ^''"), T0 ".endpoint.tls.ciphers", "found \"\"", NULL},
    {TLS(PAIR ", 'channel_binding': ^'tls-unique'"), T0 ".endpoint.tls.channel_binding", "must be \"tls-exporter\"",
     NULL},
    {TLS(PAIR ", 'dhparam': ^'server.pem'"), T0 ".endpoint.tls.dhparam", "DH parameters", NULL},
    /* Paths and services. */
    {WEB("^'/a': {'type': 'nodeinfo'}"), T0 ".paths[\"/a\"]", "found \"/a\"", "write ws, not /ws"},
    {WEB("^'a/': {'type': 'nodeinfo'}"), T0 ".paths[\"a/\"]", "found \"a/\"", "or ws/"},
    {WEB("^'a//b': {'type': 'nodeinfo'}"), T0 ".paths[\"a//b\"]", "a key of paths must be", "dots"},
    {WEB("^'a/../b': {'type': 'nodeinfo'}"), T0 ".paths[\"a/../b\"]", "a key of paths must be", NULL},
    {WEB("^'.': {'type': 'nodeinfo'}"), T0 ".paths[\".\"]", "a key of paths must be", NULL},
    {WEB("^'a%2fb': {'type': 'nodeinfo'}"), T0 ".paths[\"a%2fb\"]", "a key of paths must be", "decoded"},
    {WEB("^'a b': {'type': 'nodeinfo'}"), T0 ".paths[\"a b\"]", "a key of paths must be", NULL},
    {WEB("^'': {'type': 'nodeinfo'}"), T0 ".paths[\"\"]", "found \"\"", NULL},
    {WEB("'a': {'type': 'path', 'paths': {^'b/': {'type': 'nodeinfo'}}}"), T0 ".paths.a.paths[\"b/\"]",
     "a key of paths must be", NULL},
    {WEB("'a': {'type': ^'upload'}"), T0 ".paths.a.type", "not served here", "does not have it any more"},
    {WEB("'a': {'type': ^'none'}"), T0 ".paths.a.type", "is refused", "leave the path out"},
    {WEB("'a': {'type': ^'statik'}"), T0 ".paths.a.type", "no web service", "did you mean \"static\""},
    {WEB("'a': ^'static'"), T0 ".paths.a", "must be an object", NULL},
    {WEB("'/': ^{'type': 'static'}"), T0 ".paths[\"/\"].directory", "directory is missing", NULL},
    {WEB("'/': {'type': 'static', 'directory': 'web', ^'dir': 'x'}"), T0 ".paths[\"/\"].dir", "no key \"dir\"",
     "did you mean \"directory\"?"},
    {WEB("'/': {'type': 'static', 'directory': ^'nowhere'}"), T0 ".paths[\"/\"].directory",
     "cannot be opened as a directory", "node directory"},
    {WEB("'/': {'type': 'static', 'directory': ^'server.pem'}"), T0 ".paths[\"/\"].directory",
     "cannot be opened as a directory", NULL},
    {WEB("'/': {'type': 'static', 'directory': 'web', ^'package': 'x'}"), T0 ".paths[\"/\"].package", "Python packages",
     "name the `directory`"},
    {WEB("'/': {'type': 'static', 'directory': 'web', ^'resource': 'x'}"), T0 ".paths[\"/\"].resource",
     "not served here", "name the `directory`"},
    {WEB("'/': {'type': 'static', 'directory': 'web', 'options': {'enable_directory_listing': ^1}}"),
     T0 ".paths[\"/\"].options.enable_directory_listing", "must be true or false", NULL},
    {WEB("'/': {'type': 'static', 'directory': 'web', 'options': {'cache_timeout': ^-1}}"),
     T0 ".paths[\"/\"].options.cache_timeout", "found -1", "or null"},
    {WEB("'/': {'type': 'static', 'directory': 'web', 'options': {'default_file': ^'../key'}}"),
     T0 ".paths[\"/\"].options.default_file", "within the directory", NULL},
    {WEB("'/': {'type': 'static', 'directory': 'web', 'options': {'mime_types': {^'wasm': 'a/b'}}}"),
     T0 ".paths[\"/\"].options.mime_types.wasm", "such as \".wasm\"", NULL},
    {WEB("'/': {'type': 'static', 'directory': 'web', 'options': {'mime_types': {'.x': ^'a\\r\\nb'}}}"),
     T0 ".paths[\"/\"].options.mime_types[\".x\"]", "a MIME type", NULL},
    {WEB("'/': ^{'type': 'redirect'}"), T0 ".paths[\"/\"].url", "url is missing", NULL},
    {WEB("'/': {'type': 'redirect', 'url': ^'https://a\\r\\nSet-Cookie: b'}"), T0 ".paths[\"/\"].url",
     "percent-encoded", NULL},
    {WEB("'/': {'type': 'redirect', 'url': 'https://a', 'status': ^306}"), T0 ".paths[\"/\"].status",
     "must be 301, 302, 303, 307 or 308, found 306", NULL},
    {WEB("'/': {'type': 'redirect', 'url': 'https://a', 'status': ^200}"), T0 ".paths[\"/\"].status",
     "must be 301, 302, 303, 307 or 308, found 200", NULL},
    {WEB("'/': {'type': 'redirect', 'url': ^'https://a/?b', 'keep_path': true}"), T0 ".paths[\"/\"].url", "has a query",
     "leave the query"},
    {WEB("'/': {'type': 'redirect', 'url': ^'https://a/#b', 'keep_path': true}"), T0 ".paths[\"/\"].url",
     "has a fragment", NULL},
    {WEB("'/': ^{'type': 'json'}"), T0 ".paths[\"/\"].value", "value is missing", NULL},
    {WEB("'a': {'type': 'path', 'paths': {'b': {'type': 'nodeinfo', ^'x': 1}}}"), T0 ".paths.a.paths.b.x",
     "no key \"x\"", NULL},
    {WEB("'ws': ^{'type': 'websocket'}"), T0 ".paths.ws", "there is none here", "--backend"},
    {WEB("'ws': {'type': 'websocket', ^'endpoint': {}}"), T0 ".paths.ws.endpoint", "no key \"endpoint\"", NULL},
    /* Reverse proxies. */
    {HTTP("'host': 'x'"), T0 ".paths.a.port", "neither port nor an endpoint", NULL},
    {HTTP("'port': 80"), T0 ".paths.a.host", "neither host nor an endpoint", NULL},
    {HTTP_OF("'host': 'x', 'port': ^0"), T0 ".paths.a.port", "from 1 to 65535", NULL},
    {HTTP_OF("'host': ^'[::1]', 'port': 80"), T0 ".paths.a.host", "without brackets", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'path': ^'v1'"), T0 ".paths.a.path", "begins with /", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'path': ^'/v1?x'"), T0 ".paths.a.path", "without query", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'path': ^'/a\\r\\nb'"), T0 ".paths.a.path", "begins with /", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'forwarded_port': ^65536"), T0 ".paths.a.forwarded_port", "found 65536", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'forwarded_proto': ^'ftp'"), T0 ".paths.a.forwarded_proto",
     "\"http\" or \"https\"", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'websocket': ^1"), T0 ".paths.a.websocket", "true or false", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, ^'tls': {}"), T0 ".paths.a.tls", "no key \"tls\"", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'endpoint': ^{'type': 'unix', 'path': 'n.sock'}"), T0 ".paths.a.endpoint",
     "second time", "keep the endpoint"},
    {HTTP_OF("'host': 'x', 'port': 80, 'backends': ^[{'host': 'y', 'port': 80}]"), T0 ".paths.a.backends",
     "another backend is named beside it", "all of them"},
    {HTTP_OF(LOCAL ", 'backends': ^[{'host': 'y', 'port': 80}]"), T0 ".paths.a.backends", "named beside it", NULL},
    {HTTP_OF("'backends': ^[]"), T0 ".paths.a.backends", "a list of 1 to 64", NULL},
    {HTTP_OF("'backends': [{'host': 'x', 'port': 80}, ^{'host': 'y'}]"), T0 ".paths.a.backends[1].port",
     "neither port nor an endpoint", NULL},
    {HTTP_OF("'backends': [{'host': 'x', 'port': 80, 'endpoint': ^{'type': 'unix', 'path': 'n.sock'}}]"),
     T0 ".paths.a.backends[0].endpoint", "a second time", "host and port"},
    {HTTP_OF("'backends': [{'host': 'x', 'port': 80}, ^{'host': 'x', 'port': 80}]"), T0 ".paths.a.backends[1]",
     "http://x is named twice", "`id`"},
    {HTTP_OF("'backends': [{'host': 'x', 'port': 80, ^'path': '/v1'}]"), T0 ".paths.a.backends[0].path",
     "no key \"path\"", NULL},
    {HTTP_OF("'host': 'x', 'port': 80, 'balance': {'policy': ^'ip_hash'}"), T0 ".paths.a.balance.policy", "source",
     NULL},
    {HTTP_OF("'endpoint': {'type': ^'tor'}"), T0 ".paths.a.endpoint.type", "not served here", NULL},
    /* Services of the node. */
    {WEB("'a': {'type': ^'caller', 'realm': 'r', 'role': 'o'}"), T0 ".paths.a.type", "type caller is run by a node",
     "--backend ws://127.0.0.1:8080"},
    {WEB("'a': {'type': ^'longpoll'}"), T0 ".paths.a.type", "type longpoll is run by a node",
     "give the service a `backend`"},
    {WEB("'a': ^{'type': 'wsgi', 'module': 'm'}"), T0 ".paths.a.object", "object is missing", NULL},
    {WEB("'a': {'type': 'wsgi', 'module': ^1, 'object': 'o'}"), T0 ".paths.a.module", "must be a string", NULL},
    {WEB("'a': ^{'type': 'cgi', 'directory': 'd'}"), T0 ".paths.a.processor", "processor is missing", NULL},
    {WEB("'a': ^{'type': 'resource'}"), T0 ".paths.a.classname", "classname is missing", NULL},
    {WEB("'a': {'type': 'longpoll', 'options': {^'timeout': 1}}"), T0 ".paths.a.options.timeout", "no key \"timeout\"",
     NULL},
    {WEB("'a': ^{'type': 'publisher', 'realm': 'r'}"), T0 ".paths.a.role", "role is missing", NULL},
    {WEB("'a': {'type': 'publisher', 'realm': 'r', 'role': 'o', 'options': {'post_body_limit': ^1048577}}"),
     T0 ".paths.a.options.post_body_limit", "from 0 to 1048576", NULL},
    {WEB("'a': {'type': 'caller', 'realm': 'r', 'role': 'o', 'options': {'timestamp_delta_limit': ^-1}}"),
     T0 ".paths.a.options.timestamp_delta_limit", "from 0 to 86400", NULL},
    {WEB("'a': {'type': 'caller', 'realm': 'r', 'role': 'o', 'options': {'require_ip': ^'10.0.0.0/8'}}"),
     T0 ".paths.a.options.require_ip", "must be a list", NULL},
    {WEB("'a': ^{'type': 'webhook', 'realm': 'r', 'role': 'o'}"), T0 ".paths.a.options", "options is missing", NULL},
    {WEB("'a': ^{'type': 'archive'}"), T0 ".paths.a.archive", "archive is missing", NULL},
    {WEB("'a': {'type': 'wap', 'templates': 't', 'routes': [^{'path': '/', 'method': 'GET'}], 'wamp': {'realm': "
         "'r', "
         "'authrole': 'o'}}"),
     T0 ".paths.a.routes[0].render", "render is missing", NULL},
    {WEB("'a': {'type': 'wap', 'templates': 't', 'routes': [], 'wamp': ^{'realm': 'r'}}"), T0 ".paths.a.wamp.authrole",
     "authrole is missing", NULL},
    {WEB("'a': ^{'type': 'catalog'}"), T0 ".paths.a.filename", "filename is missing", NULL},
    {WEB("'a': {'type': 'catalog', 'filename': 'f', 'backend': ^{" LOCAL "}}"), T0 ".paths.a.backend.url",
     "url is missing", NULL},
    /* Options of web transports. */
    {WEB_OPTIONS("'client_timeout': ^'60s'"), T0 ".options.client_timeout", "found \"60s\"", "which is in s"},
    {WEB_OPTIONS("'client_timeout': ^0"), T0 ".options.client_timeout", "from 1 to 86400 (s), or null", NULL},
    {WEB_OPTIONS("'hsts': ^1"), T0 ".options.hsts", "true or false", NULL},
    {WEB_OPTIONS("'hsts_max_age': ^-1"), T0 ".options.hsts_max_age", "found -1", NULL},
    {WEB_OPTIONS("^'hixie76_aware': true"), T0 ".options.hixie76_aware", "is refused", NULL},
    /* Options of WebSocket. */
    {TESTEE("'max_message_size': ^0"), T0 ".options.max_message_size", "found 0", "or leave it out for no limit"},
    {TESTEE("'max_message_size': ^67108865"), T0 ".options.max_message_size", "found 67108865", NULL},
    {TESTEE("'close_handshake_timeout': ^999"), T0 ".options.close_handshake_timeout", "or 0", NULL},
    {TESTEE("'close_handshake_timeout': ^1000.0"), T0 ".options.close_handshake_timeout", "found 1000.0", NULL},
    {TESTEE("'allowed_origins': [^1]"), T0 ".options.allowed_origins[0]", "must be a string", NULL},
    {TESTEE("'allowed_origins': ^'*'"), T0 ".options.allowed_origins", "must be a list", "[\"*\"]"},
    {TESTEE("'compression': ^'deflate'"), T0 ".options.compression", "must be an object", "{\"deflate\": {}}"},
    {TESTEE("'fail_by_drop': ^1"), T0 ".options.fail_by_drop", "true or false", NULL},
    {TESTEE("'auto_ping_interval': ^999"), T0 ".options.auto_ping_interval", "or 0", NULL},
    {TESTEE("'auto_ping_timeout': ^true"), T0 ".options.auto_ping_timeout", "found true", "write the number"},
    {TESTEE("'auto_ping_size': ^4"), T0 ".options.auto_ping_size", "from 12 to 125", NULL},
    {TESTEE("'auto_ping_size': ^126"), T0 ".options.auto_ping_size", "found 126", NULL},
    {TESTEE("'max_frame_size': ^1.5"), T0 ".options.max_frame_size", "an integer", NULL},
    {TESTEE("^'apply_mask': false"), T0 ".options.apply_mask", "corrupt", "write true"},
    {TESTEE("'validate_utf8': ^1"), T0 ".options.validate_utf8", "true or false", NULL},
    {TESTEE("'compression': {'deflate': {'max_window_bits': ^8}}"), T0 ".options.compression.deflate.max_window_bits",
     "from 9 to 15", "write 9"},
    {TESTEE("'compression': {'deflate': {'request_max_window_bits': ^16}}"),
     T0 ".options.compression.deflate.request_max_window_bits", "from 9 to 15 (bits), or 0", "write 9"},
    {TESTEE("'compression': {'deflate': {'memory_level': ^0}}"), T0 ".options.compression.deflate.memory_level",
     "from 1 to 9", NULL},
    {TESTEE("'external_port': ^65536"), T0 ".options.external_port", "from 1 to 65535, or 0", NULL},
    {TESTEE("'external_port': ^'443'"), T0 ".options.external_port", "found \"443\"", NULL},
    {TESTEE("'enable_webstatus': ^1"), T0 ".options.enable_webstatus", "true or false", NULL},
    {TESTEE("'open_handshake_timeout': ^999"), T0 ".options.open_handshake_timeout", "found 999", "or 0"},
    {TESTEE("^'enable_rfc6455': false"), T0 ".options.enable_rfc6455", "nobody could connect", "write true"},
    {TESTEE("^'auto_pong_interval': 1"), T0 ".options.auto_pong_interval", "did you mean \"auto_ping_interval\"", NULL},
    /* Backends. */
    {WEB("'ws': ^{'type': 'websocket-reverseproxy'}"), T0 ".paths.ws.backend", "backend is missing", NULL},
    {WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': ^{'url': 'ws://n', " LOCAL
         "}, 'backends': [{'url': 'ws://n', " LOCAL "}]}"),
     T0 ".paths.ws.backend", "backend and backends", "into `backends`"},
    {WEB("'ws': {'type': 'websocket-reverseproxy', 'backends': ^[]}"), T0 ".paths.ws.backends", "a list of 1 to 64",
     NULL},
    {WEB("'ws': ^{'type': 'websocket-proxy'}"), T0 ".paths.ws.backends", "backends is missing", NULL},
    {BACKENDS("{'url': 'ws://n', " LOCAL "}, ^{'url': 'ws://m', " LOCAL "}"), T0 ".paths.ws.backends[1]",
     "is named twice", "`id`"},
    {BACKENDS("{'id': 'one', 'url': 'ws://n', " LOCAL "}, ^{'id': 'one', 'url': 'ws://n', " REMOTE "}"),
     T0 ".paths.ws.backends[1]", "one is named twice", NULL},
    {WEB("'a': {'type': 'websocket-proxy', 'backends': [{'url': 'ws://n', " LOCAL
         "}], 'balance': {'health_check': {}}}, 'b': {'type': 'websocket-proxy', 'backends': [^{'url': "
         "'ws://n', " LOCAL "}], 'balance': {'health_check': {'rise': 7}}}"),
     T0 ".paths.b.backends[0]", "in another way", "same health_check"},
    {WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': {'url': 'ws://n', " LOCAL
         "}, 'balance': {'policy': ^'random'}}"),
     T0 ".paths.ws.balance.policy", "least_connections", NULL},
    {WEB("'ws': {'type': 'websocket-proxy', 'backends': [{'url': 'ws://n', " LOCAL
         "}], 'balance': {'eject_after': ^-1}}"),
     T0 ".paths.ws.balance.eject_after", "0 to 1000", NULL},
    {WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': ^{" LOCAL "}}"), B0 ".url", "url is missing", NULL},
    {WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': ^{'url': 'ws://x'}}"), B0 ".endpoint",
     "endpoint is missing", NULL},
    {PROXY(LOCAL ", 'url': ^'http://x'"), B0 ".url", "ws:// or wss://", NULL},
    {PROXY(LOCAL ", 'url': ^'ws://x/#y'"), B0 ".url", "without fragment", NULL},
    {PROXY(LOCAL ", 'url': ^'ws://x/y?z=1'"), B0 ".url", "query", NULL},
    {PROXY(LOCAL ", 'url': 'ws://x', 'type': ^'http'"), B0 ".type", "no backend of a websocket-reverseproxy of type",
     "the types are: websocket, rawsocket"},
    {PROXY(LOCAL ", 'url': 'ws://x', 'type': ^5"), B0 ".type", "type must be a string", NULL},
    {PROXY(LOCAL ", 'type': 'rawsocket', 'url': ^'ws://x'"), B0 ".url", "rs:// or rss://", NULL},
    {PROXY(LOCAL ", 'type': 'rawsocket', 'url': ^'rs://x/y'"), B0 ".url", "without path", NULL},
    {PROXY(LOCAL ", 'type': 'rawsocket', 'serializer': ^'json', 'serializers': ['cbor']"), B0 ".serializer", "exclude",
     "keep one"},
    {PROXY(LOCAL ", 'type': 'rawsocket', 'options': {'max_message_size': ^511}"), B0 ".options.max_message_size",
     "from 512", NULL},
    {PROXY(LOCAL ", 'type': 'rawsocket', 'options': {^'auto_ping_interval': 0}"), B0 ".options.auto_ping_interval",
     "no key", NULL},
    {PROXY("'url': 'ws://n', 'endpoint': {'type': ^'twisted', 'client_string': 'tcp:h:80'}"), B0 ".endpoint.type",
     "a program for Twisted", "type tcp or unix"},
    {PROXY("'url': 'ws://n', 'endpoint': {'type': ^'tor', 'host': 'x.onion'}"), B0 ".endpoint.type", "without SOCKS",
     "SOCKS4A"},
    {CONNECT("'host': 'x', 'port': ^'$CROSSGATE_TEST_PORT'"), B0 ".endpoint.port",
     "variables are expanded on listening", NULL},
    {PROXY("'url': 'ws://n', 'endpoint': ^{'type': 'tcp', 'port': 80}"), B0 ".endpoint.host", "host is missing", NULL},
    {CONNECT("'host': 'x', 'port': 80, 'timeout': ^601"), B0 ".endpoint.timeout", "from 0 to 600 (s)", NULL},
    {CONNECT("'host': 'x', 'port': 80, ^'interface': ''"), B0 ".endpoint.interface", "listening endpoint", "`host`"},
    {CONNECT("'host': 'x', 'port': 80, 'tls': ^{}"), B0 ".endpoint.tls.hostname", "hostname is missing", NULL},
    {CONNECT("'host': 'x', 'port': 80, 'tls': {'hostname': 'x', ^'chain_certificates': []}"),
     B0 ".endpoint.tls.chain_certificates", "listening endpoint", NULL},
    {CONNECT("'host': 'x', 'port': 80, 'tls': {'hostname': 'x', 'key': ^'server.key'}"), B0 ".endpoint.tls.key",
     "without a certificate", NULL},
    {CONNECT("'host': 'x', 'port': 80, 'tls': {'hostname': 'x', 'ca_certificates': ^'server.pem'}"),
     B0 ".endpoint.tls.ca_certificates", "must be a list", NULL},
    {PROXY("'url': 'ws://n', 'endpoint': {'type': ^'tor'}"), B0 ".endpoint.type", "not served here", NULL},
    /* Extensions. */
    {"{'version': 2, 'crossgate': {'workers': ^0}}", "$.crossgate.workers", "from 1 to 256", NULL},
    {"{'version': 2, 'crossgate': {'user': ^''}}", "$.crossgate.user", "the name of a user", NULL},
    {"{'version': 2, 'crossgate': {'session_tickets': ^'no'}}", "$.crossgate.session_tickets", "true or false", NULL},
    {"{'version': 2, 'crossgate': {'ticket_keys': ^'none.keys'}}", "$.crossgate.ticket_keys",
     "none.keys cannot be read", "relative paths begin at the node directory"},
    {"{'version': 2, 'crossgate': {'ticket_keys': ^'empty.pem'}}", "$.crossgate.ticket_keys",
     "empty.pem has no key in it", "openssl rand -base64 80 | tr -d '\\n' > "},
    {"{'version': 2, 'crossgate': {'limits': {'idle_timeout': ^99}}}", "$.crossgate.limits.idle_timeout",
     "from 100 to 3600000 (ms)", NULL},
    {"{'version': 2, 'crossgate': {'limits': {^'idle_timout': 100}}}", "$.crossgate.limits.idle_timout",
     "did you mean \"idle_timeout\"", NULL},
    /* Characters, not bytes, are counted; and lines. */
    {"{'version': 2, '$schema': 'äöü€😀', ^'x': 1}", "$.x", "no key \"x\"", NULL},
    {"{\r\n\t'version': 2,\r\n\t'workers': [\r\n\t\t{'type': 'router', ^'ü': 1}]}", "$.workers[0][\"ü\"]",
     "no key \"ü\"", NULL},
};

struct expected {
    char text[4096];
    unsigned line;
    unsigned column;
};

/* Takes the circumflex out and counts where it stood. Without one: at the beginning. */
static void expect(const char *marked, struct expected *expected)
{
    size_t length = 0;
    unsigned line = 1, column = 1;

    expected->line = expected->column = 1;
    for (; *marked; marked++) {
        if (*marked == '^') {
            expected->line = line;
            expected->column = column;
            continue;
        }
        assert_true(length + 1 < sizeof expected->text);
        expected->text[length++] = *marked;
        if (*marked == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*marked & 0xc0) != 0x80) {
            column++;
        }
    }
    expected->text[length] = '\0';
}

static bool says(const struct diagnostic *diagnostic, const char *phrase)
{
    return !phrase || strstr(diagnostic->text, phrase) || (diagnostic->remedy && strstr(diagnostic->remedy, phrase));
}

static const struct diagnostic *first_error(const struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics_kept(diagnostics); i++) {
        if (diagnostics_at(diagnostics, i)->severity == PROBLEM_ERROR)
            return diagnostics_at(diagnostics, i);
    }
    return NULL;
}

static bool is_as_expected(const struct refused *refused)
{
    struct expected expected;
    struct loaded loaded;

    expect(refused->text, &expected);
    node_load(&loaded, expected.text, NULL, false);
    const struct diagnostic *error = first_error(loaded.diagnostics);
    bool fits = error && diagnostics_count(loaded.diagnostics, PROBLEM_ERROR) == 1 && error->line == expected.line &&
                error->column == expected.column && strcmp(error->path, refused->path) == 0 &&
                says(error, refused->phrase) && says(error, refused->also);
    if (!fits) {
        print_error("%s\nexpected %u:%u %s: %s … %s\n", expected.text, expected.line, expected.column, refused->path,
                    refused->phrase, refused->also ? refused->also : "");
        diagnostics_print(loaded.diagnostics, PROBLEM_NOTE, stderr, false);
    }
    node_unload(&loaded);
    return fits;
}

static void each_mistake_is_named_at_its_place(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        wrong += !is_as_expected(&cases[i]);
    assert_int_equal(wrong, 0);
}

static void all_mistakes_of_a_file_are_named_in_order(void **state)
{
    static const char *const paths[] = {
        "$.workers[0].transports[0].endpoint.backlog", "$.workers[0].transports[0].endpoint.tls.key",
        "$.workers[0].transports[0].paths[\"/\"].url", "$.workers[0].transports[0].paths.x.type",
        "$.workers[0].transports[2].endpoint",         "$.wokers",
    };
    struct loaded loaded;

    (void)state;
    node_load(&loaded,
              "{'version': 2, 'workers': [{'type': 'router', 'transports': [\n"
              "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 443, 'backlog': 0,\n"
              "  'tls': {'certificate': 'server.pem'}},\n"
              " 'paths': {'/': {'type': 'redirect'},\n"
              "           'x': {'type': 'sttic'}}},\n"
              "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {}},\n"
              "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {}}]}],\n"
              " 'wokers': 1}",
              NULL, false);
    assert_int_equal(diagnostics_count(loaded.diagnostics, PROBLEM_ERROR), sizeof paths / sizeof paths[0]);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_string_equal(diagnostics_at(loaded.diagnostics, i)->path, paths[i]);
    node_unload(&loaded);
}

static void strict_refuses_each_extension(void **state)
{
    struct loaded loaded;

    (void)state;
    node_load(
        &loaded,
        "{'version': 2, 'crossgate': {'workers': 2}, 'workers': [{'type': 'router', 'transports': [{'type': 'web', "
        "'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {'e': {'type': 'websocket-testee'}, 'r': {'type': "
        "'websocket-reverseproxy', 'backend': {" LOCAL ", 'type': 'rawsocket'}}, "
        "'a/b.c': {'type': 'redirect', 'url': 'x', 'keep_path': false}}}]}]}",
        NULL, true);
    assert_int_equal(diagnostics_count(loaded.diagnostics, PROBLEM_ERROR), 5);
    assert_string_equal(diagnostics_at(loaded.diagnostics, 0)->path, "$.crossgate");
    assert_string_equal(diagnostics_at(loaded.diagnostics, 1)->path, T0 ".paths.e.type");
    assert_string_equal(diagnostics_at(loaded.diagnostics, 2)->path, T0 ".paths.r.backend.type");
    assert_string_equal(diagnostics_at(loaded.diagnostics, 3)->path, T0 ".paths[\"a/b.c\"]");
    assert_string_equal(diagnostics_at(loaded.diagnostics, 4)->path, T0 ".paths[\"a/b.c\"].keep_path");
    node_unload(&loaded);
}

static void wrong_backends_of_the_command_line_are_refused(void **state)
{
    static const char *const urls[] = {
        "",         "http://x", "ws://",     "ws://x/ws",    "ws://x?y",  "ws://x#y",    "ws://u:geheim@x",
        "ws://x:0", "ws://x:",  "ws://x:1x", "ws://x:65536", "ws://[::1", "ws://[::1]x", "ws://a b",
        "ws://::1", "ws+unix:", "ws+unix:/", "ws+unix:rel",  "wss://",    "wss:///",     "ws:/x",
        "rs://",    "rs://x/y", "rss://",    "rs+unix:",     "rs:x",
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        node_load(&loaded, NODE("{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}}"), urls[i], false);
        if (diagnostics_count(loaded.diagnostics, PROBLEM_ERROR) != 1)
            print_error("%s\n", urls[i]);
        assert_int_equal(diagnostics_count(loaded.diagnostics, PROBLEM_ERROR), 1);
        assert_string_equal(diagnostics_at(loaded.diagnostics, 0)->path, "--backend");
        assert_null(strstr(diagnostics_at(loaded.diagnostics, 0)->text, "geheim"));
        node_unload(&loaded);
    }
}

/* What listens where the node is said to be; NULL: that is not the case. */
static void nodes_that_are_our_own_transport_are_refused(void **state)
{
    static const struct {
        const char *endpoint, *url, *path;
    } rows[] = {
        {"{'type': 'tcp', 'port': 80}", "ws://localhost", T0 ".endpoint"},
        {"{'type': 'tcp', 'port': 8080}", "rs://127.0.0.2:8080", T0 ".endpoint"},
        {"{'type': 'tcp', 'port': 8080, 'version': 6, 'interface': '::'}", "ws://[::1]:8080", T0 ".endpoint"},
        {"{'type': 'tcp', 'port': 8080, 'interface': '192.0.2.1'}", "ws://192.0.2.1:8080", T0 ".endpoint"},
        {"{'type': 'tcp', 'port': 8080, 'interface': '127.0.0.1'}", "ws://LOCALHOST:8080", T0 ".endpoint"},
        {"{'type': 'tcp', 'port': 8080, 'interface': '192.0.2.1'}", "ws://localhost:8080", NULL},
        {"{'type': 'tcp', 'port': 8080, 'interface': '192.0.2.1'}", "ws://192.0.2.2:8080", NULL},
        {"{'type': 'tcp', 'port': 8080}", "ws://localhost:8081", NULL},
        {"{'type': 'tcp', 'port': 8080}", "ws://192.0.2.1:8080", NULL},
        {"{'type': 'tcp', 'port': 8080}", "ws+unix:/run/n.sock", NULL},
        {"{'type': 'unix', 'path': '/run/n.sock'}", "ws+unix:/run/n.sock", T0 ".endpoint"},
        {"{'type': 'unix', 'path': '/run/n.sock'}", "ws+unix:/run/m.sock", NULL},
    };
    char text[512];
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, NODE("{'type': 'websocket', 'endpoint': %s}"), rows[i].endpoint);
        node_load(&loaded, text, rows[i].url, false);
        if ((loaded.plan == NULL) != (rows[i].path != NULL))
            print_error("%s\n", rows[i].url);
        assert_int_equal(diagnostics_count(loaded.diagnostics, PROBLEM_ERROR), rows[i].path != NULL);
        if (rows[i].path) {
            assert_string_equal(diagnostics_at(loaded.diagnostics, 0)->path, rows[i].path);
            assert_non_null(strstr(diagnostics_at(loaded.diagnostics, 0)->text, "leads here"));
        }
        node_unload(&loaded);
    }
}

/* RawSocket carries messages only. */
static void requests_are_not_passed_by_rawsocket(void **state)
{
    static const char *const texts[] = {
        WEB("'a': {'type': 'wsgi', 'module': 'm', 'object': 'o'}"),
        WEB("'a': {'type': 'wsgi', 'module': 'm', 'object': 'o', 'backend': {'type': 'rawsocket', " LOCAL "}}"),
    };
    static const char *const paths[] = {T0 ".paths.a.type", T0 ".paths.a.backend.type"};
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        node_load(&loaded, texts[i], "rs://node", false);
        assert_int_equal(diagnostics_count(loaded.diagnostics, PROBLEM_ERROR), 1);
        size_t at = 0;
        while (diagnostics_at(loaded.diagnostics, at)->severity != PROBLEM_ERROR)
            at++; /* notes on what is the node's own */
        assert_string_equal(diagnostics_at(loaded.diagnostics, at)->path, paths[i]);
        node_unload(&loaded);
    }
}

static int make(void **state)
{
    setenv("CROSSGATE_TEST_PORT", "8443", 1);
    setenv("CROSSGATE_TEST_WORD", "http", 1);
    unsetenv("CROSSGATE_TEST_UNSET");
    return node_make(state);
}

/* The node directory is /tmp/…, so that two steps up are the root, and more stay there. */
static void paths_are_named_without_dots_at_their_beginning(void **state)
{
    struct loaded loaded;

    (void)state;
    node_load(&loaded, TLS("'key': '.././/../../none.key', 'certificate': './none.pem'"), NULL, false);
    assert_int_equal(diagnostics_kept(loaded.diagnostics), 2);
    assert_string_equal(diagnostics_at(loaded.diagnostics, 0)->text,
                        "/none.key cannot be read: No such file or directory");
    assert_null(strstr(diagnostics_at(loaded.diagnostics, 1)->text, "/./"));
    node_unload(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_named_at_its_place),
        cmocka_unit_test(all_mistakes_of_a_file_are_named_in_order),
        cmocka_unit_test(strict_refuses_each_extension),
        cmocka_unit_test(paths_are_named_without_dots_at_their_beginning),
        cmocka_unit_test(wrong_backends_of_the_command_line_are_refused),
        cmocka_unit_test(nodes_that_are_our_own_transport_are_refused),
        cmocka_unit_test(requests_are_not_passed_by_rawsocket),
    };

    return cmocka_run_group_tests(tests, make, node_remove);
}
