// A client with gorilla/websocket. Connects to a URL again and again, returns messages, and ends when it is refused.
package main

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

func run(url string) error {
	dialer := websocket.Dialer{EnableCompression: true}
	c, _, err := dialer.Dial(url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		kind, message, err := c.ReadMessage()
		if err != nil {
			return err
		}
		// Text is left to the application, as the documentation of the library says.
		if kind == websocket.TextMessage && !utf8.Valid(message) {
			reason := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			return c.WriteControl(websocket.CloseMessage, reason, time.Time{})
		}
		if err := c.WriteMessage(kind, message); err != nil {
			return err
		}
	}
}

func main() {
	for !errors.Is(run(os.Args[1]), syscall.ECONNREFUSED) {
	}
}
