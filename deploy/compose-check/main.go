// compose-check loads a Compose file with Compose's own library, as `docker compose config` does, but without Docker.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithOsEnv, cli.WithInterpolation(true))
	if err == nil {
		project, loadError := options.LoadProject(context.Background())
		if loadError == nil {
			fmt.Println("docker-compose.yml is valid:", project.ServiceNames())
			return
		}
		err = loadError
	}
	fmt.Fprintln(os.Stderr, "docker-compose.yml:", err)
	os.Exit(1)
}
