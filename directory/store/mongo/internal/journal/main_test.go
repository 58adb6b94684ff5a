package journal_test

import (
	"os"
	"testing"

	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

func TestMain(m *testing.M) { os.Exit(mongotest.Run(m)) }
