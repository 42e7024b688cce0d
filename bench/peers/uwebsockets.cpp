// uWebSockets as a peer: an echo of WebSocket messages over TLS, and a short answer to GET. Built by bench/run --uwebsockets.
// Words: PORT CERTIFICATE KEY DHPARAM WORKERS [low-memory]
#include "App.h"

#include <cstring>
#include <unistd.h>

struct Nothing {
};

int main(int count, char **words)
{
    if (count < 6) {
        return 2;
    }
    // The library's sockets share the port (SO_REUSEPORT), so workers are processes; all end with the group.
    for (int more = std::atoi(words[5]); more > 1 && fork() != 0; more--) {
    }
    uWS::SocketContextOptions tls = {};
    tls.cert_file_name = words[2];
    tls.key_file_name = words[3];
    tls.dh_params_file_name = words[4];
    tls.ssl_ciphers = "ECDHE+AESGCM:DHE+AESGCM"; // its own default knows no ECDSA
    tls.ssl_prefer_low_memory_usage = count > 6 && std::strcmp(words[6], "low-memory") == 0;

    uWS::SSLApp::WebSocketBehavior<Nothing> echo = {};
    echo.compression = uWS::DISABLED;
    echo.maxPayloadLength = 4 * 1024 * 1024;
    echo.maxBackpressure = 64 * 1024 * 1024;
    echo.idleTimeout = 0;
    echo.sendPingsAutomatically = false;
    echo.message = [](auto *socket, std::string_view message, uWS::OpCode code) { socket->send(message, code, false); };

    bool listens = false;
    uWS::SSLApp(tls)
        .ws<Nothing>("/*", std::move(echo))
        .get("/*", [](auto *answer, auto *) { answer->end("uWebSockets\n"); })
        .listen("127.0.0.1", std::atoi(words[1]), [&](auto *socket) { listens = socket != nullptr; })
        .run();
    return listens ? 0 : 1;
}
