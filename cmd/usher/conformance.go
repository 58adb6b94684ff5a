package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-scim/usher/scim/scimtest"
)

func conformanceCommand() *cobra.Command {
	var target scimtest.Target
	asJSON, tokenFile := false, ""
	cmd := &cobra.Command{Use: "conformance", Short: "Check a SCIM service provider against the RFCs", Args: noArgs,
		Long:    "Run a black-box suite against any SCIM 2.0 URL. It makes users and groups of its own and removes them again.",
		Example: "  usher conformance --url http://127.0.0.1:8080/scim/v2 --token-file token",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tokenFile != "" {
				token, err := os.ReadFile(tokenFile)
				if err != nil {
					return err
				}
				target.Token = strings.TrimSpace(string(token))
			}
			count := map[scimtest.Outcome]int{}
			out := json.NewEncoder(cmd.OutOrStdout())
			err := scimtest.Run(cmd.Context(), target, func(r scimtest.Result) {
				count[r.Outcome]++
				if asJSON {
					_ = out.Encode(r) // a pipe that is closed ends the command anyway
					return
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-34s %-18s %s\n", r.Outcome, r.ID, r.Source, r.Detail)
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d passed, %d failed, %d skipped\n", count[scimtest.Passed], count[scimtest.Failed], count[scimtest.Skipped])
			if count[scimtest.Failed] > 0 {
				return fmt.Errorf("%d checks failed", count[scimtest.Failed])
			}
			return nil
		}}
	cmd.Flags().StringVar(&target.BaseURL, "url", "http://127.0.0.1:8080/scim/v2", "base URL")
	cmd.Flags().StringVar(&target.Token, "token", "", "bearer token; others on this machine can see it, so prefer --token-file")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "file with the bearer token")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}
