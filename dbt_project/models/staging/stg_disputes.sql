{{ canonical('dispute') }}
