import static io.trino.testing.TestingSession.testSessionBuilder;

import io.trino.plugin.hive.HivePlugin;
import io.trino.server.testing.TestingTrinoServer;
import io.trino.testing.DistributedQueryRunner;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A Trino for tests: a coordinator and some workers in one process, with a catalog {@code hive} whose metastore is
 * files. Prints the coordinator's URL when it is ready, and ends with its standard input. A line {@code close}
 * closes a worker.
 */
public final class Engine {
    private Engine() {}

    /** Arguments: the folder that {@code local:///} stands for, the number of workers, properties of the catalog. */
    public static void main(String[] arguments) throws Exception {
        // Trino makes a logger of the standard output.
        PrintStream out = System.out;
        Map<String, String> catalog = new LinkedHashMap<>();
        catalog.put("hive.metastore", "file");
        catalog.put("hive.metastore.catalog.dir", "local:///metastore");
        catalog.put("hive.recursive-directories", "true");
        catalog.put("hive.non-managed-table-writes-enabled", "true");
        catalog.put("fs.local.enabled", "true");
        catalog.put("local.location", Path.of(arguments[0]).toAbsolutePath().toString());
        for (int at = 2; at < arguments.length; at++) {
            String[] property = arguments[at].split("=", 2);
            catalog.put(property[0], property[1]);
        }
        DistributedQueryRunner runner =
                DistributedQueryRunner.builder(testSessionBuilder().setCatalog("hive").build())
                        .setWorkerCount(Integer.parseInt(arguments[1]))
                        // A worker that was closed is given up soon.
                        .addExtraProperty("query.remote-task.max-error-duration", "5s")
                        .build();
        runner.installPlugin(new HivePlugin());
        runner.createCatalog("hive", "hive", catalog);
        out.println("READY " + runner.getCoordinator().getBaseUrl());
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        while (commands.readLine() != null) {
            for (TestingTrinoServer server : runner.getServers()) {
                if (!server.isCoordinator()) {
                    server.close();
                    break;
                }
            }
            out.println("CLOSED");
        }
        Runtime.getRuntime().halt(0);
    }
}
