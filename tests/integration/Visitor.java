// A page and an echo over WebSocket at each port, for support/visitors.py: java Visitor.java TRUST KEY|- VERSION TEXT PORT…
// TRUST and KEY are PKCS #12 files with the password "changeit". Prints two lines for each port: the page and the echo.

import java.io.FileInputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

public class Visitor {
    private static final char[] PASSWORD = "changeit".toCharArray();

    private static KeyStore load(String path) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream(path)) {
            store.load(file, PASSWORD);
        }
        return store;
    }

    private static KeyManager[] keys(String path) throws Exception {
        if (path.equals("-"))
            return null;
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(load(path), PASSWORD);
        return factory.getKeyManagers();
    }

    private static HttpClient client(String trust, String key, String version) throws Exception {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(load(trust));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys(key), factory.getTrustManagers(), null);
        SSLParameters parameters = context.getDefaultSSLParameters();
        parameters.setProtocols(new String[] {version});
        return HttpClient.newBuilder().sslContext(context).sslParameters(parameters).build();
    }

    private static String echo(HttpClient client, String url, String text) throws Exception {
        CompletableFuture<String> came = new CompletableFuture<>();
        WebSocket.Listener listener = new WebSocket.Listener() {
            private final StringBuilder whole = new StringBuilder();

            @Override
            public CompletionStage<?> onText(WebSocket socket, CharSequence piece, boolean last) {
                whole.append(piece);
                if (last)
                    came.complete(whole.toString());
                socket.request(1);
                return null;
            }

            @Override
            public void onError(WebSocket socket, Throwable error) {
                came.completeExceptionally(error);
            }
        };
        WebSocket socket = client.newWebSocketBuilder().buildAsync(URI.create(url), listener).get(60, TimeUnit.SECONDS);
        socket.sendText(text, true);
        String echo = came.get(60, TimeUnit.SECONDS);
        socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(60, TimeUnit.SECONDS);
        return echo;
    }

    public static void main(String[] words) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        HttpClient client = client(words[0], words[1], words[2]);
        for (int i = 4; i < words.length; i++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("https://localhost:" + words[i] + "/")).build();
            out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body().strip());
            out.println(echo(client, "wss://localhost:" + words[i] + "/ws", words[3]));
        }
        System.exit(0); // threads of the client stay for a while
    }
}
